"""The part of gongkai that reaches the network: portals, spiders, politeness, and what became of every request."""
