"""Every fault of a vendor, before the stream and inside it."""

from ..vendor import faults
from ..words import FORMATS, Ask, Fault, Step
from . import Scenario
from .pieces import says

ASK = Ask((says("user", "Hi"),))


def fails(name: str, fault: Fault, **modes: tuple[bool, ...]) -> Scenario:
    vendors = tuple(format for format in FORMATS if faults.exists(format, fault.kind))
    return Scenario(name, (Step(ASK, fault),), vendors=vendors, **modes)


SCENARIOS = [
    *(fails(f"fault: {kind}", Fault(kind)) for kind in faults.ERRORS + faults.BROKEN),
    *(fails(f"fault in stream: {kind}", Fault(kind), modes=(True,)) for kind in faults.STREAM_BEFORE),
    *(
        fails(f"fault after content: {kind}", Fault(kind, after_content=True), modes=(True,))
        for kind in faults.STREAM_AFTER
    ),
]
