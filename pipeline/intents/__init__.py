"""Training the model of intents from examples; needs scikit-learn, which nothing else does."""
