"""Where the time of a run went: from its recorded events to a model, and from the model to text, HTML and traces."""
