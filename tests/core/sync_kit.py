"""An MQTT client without a connection, for a ``Sync`` whose messages are looked at; on both interpreters."""

import asyncio
import json

from locker.core import codes
from locker.net.mqtt_packet import Packet
from locker.net.sync import packet_bytes

LOCKER = "L" * 32
PREFIX = b"consigne/1/" + LOCKER.encode() + b"/"


class Client:
    """Fills a packet of the cabinet's length as an MQTT client does; keeps what was sent, by topic."""

    def __init__(self, doors):
        self.packet = Packet(packet_bytes(doors))
        self.sent = {}

    def attach(self, will_topic, will, topics, on_message):
        pass

    async def wait_up(self):
        pass

    def session(self):
        return 1

    async def publish(self, topic, fill, retain=False):
        self.packet.begin_publish(topic, 65535, retain)
        start = self.packet.end
        if not fill(self.packet):
            return False
        body = bytes(self.packet.view(start + codes.FRAME_HEAD_BYTES))
        self.packet.end_publish()
        self.sent[topic[len(PREFIX) :]] = json.loads(body)
        await asyncio.sleep(0)
        return True
