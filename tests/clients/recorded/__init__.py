"""Every recorded answer, to every client format, judged by what the official SDKs make of it.

A scripted vendor replays the bytes that a vendor once answered (`replies`). The vendor's own SDK reads them without the
gateway: that is what they mean, and nothing of ours is asked. Then each of the four SDKs asks through the gateway, and
its object must mean the same (`meaning`), but for what `allowed` lists: in the manner in which the vendor answered, and
in the other one, a stream whole and the reverse.

The answers are those of the goldens, and the recorded traffic where `TIDEGATE_FIXTURES` names it.
"""
