"""What runs beside an init script: the gate, the programs before `aws`, and Python's `sitecustomize`."""
