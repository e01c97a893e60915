"""Following: a client is sent what is new, without a gap and without a double.

The store is the truth, a hint only a hint. A follower reads what lies behind its position (an id), waits until
something may be there, and reads again: catching up, following and resuming are the same. What is new is read once for
all who follow a stream in this process, and rendered once for all who ask for the same. A follower that lags reads for
itself and holds up nobody. Everything here runs on one event loop; the store is asked in threads.
"""

from tailsvc.tail.follower import Chunk, Follower
from tailsvc.tail.hub import Hub
from tailsvc.tail.starting import Start, newest_lines, newest_matching

__all__ = ["Chunk", "Follower", "Hub", "Start", "newest_lines", "newest_matching"]
