"""Channel adapters: a service's real payload in, `Interaction`s (or `Failure`s that say why not) out."""
