"""The steps of a plan as a picture: columns, boxes and lines, as SVG and as a page."""
