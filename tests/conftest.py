"""How long a machine takes for an example is not tested, and failures that are meant to happen leave no reports."""

import os

from hypothesis import HealthCheck, settings

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")
# In CI, every run that fails would leave one.
os.environ["BOOTSTRAP_REPORT"] = "off"

collect_ignore = ["data"]  # the example's own tests are run by the plugin's
