"""The drivers there are: every module of `drivers/` gives one as DRIVER."""

import functools
import importlib
import pkgutil
from collections.abc import Mapping

from bootstrap.emulators import drivers
from bootstrap.emulators.driver import EmulatorDriver
from bootstrap.model.stack import Driver


@functools.cache
def all_drivers() -> Mapping[Driver, EmulatorDriver]:
    """By name, in the order in which a running emulator is asked whether it is one of them.

    Names that imitate others come before them: MiniStack answers LocalStack's health route too.
    """
    matching = (
        importlib.import_module(f"{drivers.__name__}.{entry.name}").DRIVER
        for entry in pkgutil.iter_modules(drivers.__path__)
    )
    order = list(Driver)
    return {driver.name: driver for driver in sorted(matching, key=lambda driver: order.index(driver.name))}
