"""The paper's experiments: data, networks and the settings of each table config."""
