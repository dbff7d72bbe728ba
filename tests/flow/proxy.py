#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A bad link, for tests:   proxy.py TARGET_PORT [--delay S] [--rate BYTES_A_SECOND] [--cut-after BYTES] [--outage FIRST:SECONDS]

Listens on a free loopback port, which it prints, and forwards connections to 127.0.0.1:TARGET_PORT and back.
    --delay      every byte arrives so much later, each way
    --rate       so many bytes a second go through, each way of each connection
    --cut-after  a connection is reset after about so many bytes from the client: in the middle of whatever is on its way
    --outage     from the moment FIRST (seconds after the first connection) on nothing goes through for SECONDS, then all
                 connections are reset; new ones work
When it is terminated it prints what it did."""
import argparse
import asyncio
import os
import random
import signal
import time

CHUNK = 16384


class Link:
    def __init__(self, options):
        self.options, self.random = options, random.Random(1)
        self.connections = self.cuts = self.bytes = 0
        self.began = None
        self.writers = set()

    def outage_left(self):
        """Seconds until bytes go through again; 0: now."""
        if self.options.outage is None or self.began is None:
            return 0
        first, seconds = self.options.outage
        into = time.monotonic() - self.began - first
        return max(0, seconds - into) if into >= 0 else 0

    async def write_later(self, queue, writer):
        while True:
            at, data = await queue.get()
            if data is None:
                break
            await asyncio.sleep(max(0, at - time.monotonic()))
            if self.options.rate:
                await asyncio.sleep(len(data) / self.options.rate)
            writer.write(data)
            await writer.drain()
            self.bytes += len(data)
        writer.close()

    async def forward(self, reader, writer, cut_after):
        """True where the connection is to be cut."""
        queue, passed = asyncio.Queue(64), 0
        later = asyncio.create_task(self.write_later(queue, writer))
        chunk = min(CHUNK, max(256, int((self.options.rate or CHUNK * 10) / 10)))
        try:
            while data := await reader.read(chunk):
                left = self.outage_left()
                if left > 0:
                    await asyncio.sleep(left)
                    return True
                passed += len(data)
                if cut_after and passed >= cut_after:
                    data = data[:max(1, len(data) // 2)]
                    await queue.put((time.monotonic() + self.options.delay, data))
                    await asyncio.sleep(self.options.delay + 0.05)
                    return True
                await queue.put((time.monotonic() + self.options.delay, data))
            await queue.put((0, None))
            await later
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            later.cancel()
        return False

    async def connected(self, reader, writer):
        self.began = self.began or time.monotonic()
        self.connections += 1
        if self.outage_left() > 0:
            writer.transport.abort()
            return
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.options.target)
        except OSError:
            writer.transport.abort()
            return
        cut = self.options.cut_after and int(self.options.cut_after * self.random.uniform(0.5, 1.5))
        ways = [asyncio.create_task(self.forward(reader, back, cut)), asyncio.create_task(self.forward(there, writer, None))]
        done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        self.cuts += any(not way.cancelled() and way.result() for way in done)
        for way in ways:
            way.cancel()
        for end in (writer, back):
            end.transport.abort()  # RST, not FIN: as a link that breaks


async def main(options):
    link = Link(options)
    server = await asyncio.start_server(link.connected, "127.0.0.1", 0, limit=CHUNK)
    print(server.sockets[0].getsockname()[1], flush=True)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()
    print(f"{link.connections} connections, {link.cuts} cut, {link.bytes} bytes", flush=True)
    os._exit(0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", type=int)
    parser.add_argument("--delay", type=float, default=0)
    parser.add_argument("--rate", type=float, default=0)
    parser.add_argument("--cut-after", type=float, default=0)
    parser.add_argument("--outage", type=lambda text: tuple(map(float, text.split(":"))))
    asyncio.run(main(parser.parse_args()))
