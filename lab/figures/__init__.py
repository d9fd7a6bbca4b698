"""Tables to Plotly figures: the only plotting code."""
