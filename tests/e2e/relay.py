"""A TCP relay between centrals: the network that fails.

Silence is what a dropped route looks like to TCP: nothing arrives, nothing is refused, and what was
sent arrives late or never. A reset ends connections in mid-stream and loses what was on its way. One
that swallows takes everything with thanks and passes nothing on: only the receiver can notice.
"""

import asyncio
import contextlib
import threading

from cluster import free_port


class Network:
    """The thread that the relays live on."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.relays = []

    def relay(self, ip, target_ip, target_port):
        relay = Relay(self, target_ip, target_port)
        self.call(relay.listen(ip, free_port(ip)))
        self.relays.append(relay)
        return relay

    def call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(10)

    def close(self):
        for relay in self.relays:
            self.call(relay.close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)


class Relay:
    def __init__(self, network, target_ip, target_port):
        self.network = network
        self.target = target_ip, target_port
        self.port = None
        self.server = None
        self.passing = asyncio.Event()
        self.refusing = self.swallowing = False
        self.late = 0.0  # seconds
        self.writers = set()
        self.carried = 0
        self.seen = None  # all bytes carried, for one who reads along; None = nobody does

    async def listen(self, ip, port):
        self.passing.set()
        self.server = await asyncio.start_server(self._serve, ip, port)
        self.port = port

    async def close(self):
        self.server.close()
        await self._reset()

    async def _serve(self, reader, writer):
        if self.refusing:
            writer.transport.abort()
            return
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await self.passing.wait()
            far_reader, far_writer = await asyncio.open_connection(*self.target)
            if self.refusing:  # since it was accepted: too late for _reset
                far_writer.transport.abort()
            self.writers |= {writer, far_writer}
            await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))
        writer.transport.abort()

    async def _pump(self, reader, writer):
        with contextlib.suppress(OSError):
            while True:
                data = await reader.read(65536)
                if not data:
                    break
                await self.passing.wait()
                if self.swallowing:
                    continue
                if self.late:
                    await asyncio.sleep(self.late)
                self.carried += len(data)
                if self.seen is not None:
                    self.seen += data
                writer.write(data)
                await writer.drain()
        writer.transport.abort()
        self.writers.discard(writer)

    async def _reset(self):
        for writer in list(self.writers):
            writer.transport.abort()
        self.writers.clear()

    async def _set(self, passing, refusing, swallowing=False, late=0.0):
        self.refusing, self.swallowing, self.late = refusing, swallowing, late
        if passing:
            self.passing.set()
        else:
            self.passing.clear()

    # From the test's thread:

    def silence(self):
        self.network.call(self._set(False, False))

    def reset(self):
        """Ends every connection with a RST; new ones are welcome."""
        self.network.call(self._reset())

    def refuse(self):
        """Resets, and resets whoever comes."""
        self.network.call(self._set(True, True))
        self.reset()

    def swallow(self):
        """Whatever is sent is gone, though no connection ends. A stream that lost bytes stays
        broken after healing, as it should: its ends find out."""
        self.network.call(self._set(True, False, swallowing=True))

    def delay(self, seconds):
        """Each piece arrives so much later, in order."""
        self.network.call(self._set(True, False, late=seconds))

    def heal(self):
        self.network.call(self._set(True, False))
