"""`throughline demo`: the shipped scenarios, or a crowd of synthetic customers, played on a real pipeline.

The pure parts (words, pace, figures, crowd) know nothing of Kafka, threads or the terminal; `stage` starts
what is to be shown, `feed` and `line` talk to it, `play` and `load` run the two kinds of demo.
"""
