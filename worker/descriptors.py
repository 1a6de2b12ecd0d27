"""How many files and connections this process may have open; raised at its start, since 1,024 are soon used up."""

from __future__ import annotations

from tasks.log_lines import Logger

log = Logger("mirrorpoint.descriptors")

#: More than anything here can use; a limit of millions makes others slow who close all that might be open.
MOST = 65_536


def raise_limit() -> int:
    """The soft limit afterwards: the hard one, or MOST where that is less. What cannot be raised stays as it is."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST if hard == resource.RLIM_INFINITY else min(hard, MOST)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return soft if soft != resource.RLIM_INFINITY else MOST
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError) as error:
        log.debug("limit_not_raised", error=str(error))
        return soft
    return wanted
