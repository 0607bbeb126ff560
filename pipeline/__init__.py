"""Throughline: an interaction-aware omnichannel pipeline on Kafka."""
