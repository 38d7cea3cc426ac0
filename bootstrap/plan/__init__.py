"""Makes a plan from the desired and the observed state; pure."""
