"""The scripted vendor: four formats on one port."""
