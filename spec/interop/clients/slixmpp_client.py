"""The driver of slixmpp: a program, see support/protocol.ts."""

import asyncio
import io
import json
import sys

from slixmpp import ClientXMPP


def tell(saw, **fields):
    # The same compact form as JSON.stringify, so that the reader knows its lines by their start.
    print(json.dumps({"saw": saw, **fields}, separators=(",", ":")), flush=True)


class Driver(ClientXMPP):
    def __init__(self, login):
        super().__init__(login["jid"] + "/slixmpp", login["password"])
        self.ca_certs = login["certificate"]
        # The spec decides whom to accept and whom to ask back.
        self.auto_authorize = None
        self.auto_subscribe = False
        for plugin in ("xep_0030", "xep_0198", "xep_0199", "xep_0203"):
            self.register_plugin(plugin)
        self.add_event_handler("session_start", self.start)
        self.add_event_handler("roster_update", self.tell_contacts)
        self.add_event_handler("message", self.tell_message)
        self.add_event_handler("presence_subscribe", lambda p: tell("request", **{"from": p["from"].bare}))
        # slixmpp reports available presence by the value of its <show/> too; this one comes for each of them.
        self.add_event_handler("presence", self.tell_presence)
        self.resumes = login.get("resumes", False)
        self.add_event_handler("disconnected", self.lost if self.resumes else lambda _: tell("offline"))
        self.add_event_handler("session_resumed", lambda _: tell("resumed"))
        self.add_event_handler("failed_all_auth", lambda _: tell("trouble", why="not authorized"))
        if not self.resumes:
            self.add_event_handler("connection_failed", lambda why: tell("trouble", why=str(why)))
        self.add_event_handler("stream_error", lambda why: tell("trouble", why=str(why)))
        self.way = {
            "address": (login["host"], login["port"]),
            "use_ssl": login["directTls"],
            "force_starttls": not login["directTls"],
        }
        self.connect(**self.way)

    async def start(self, _):
        await self.get_roster()
        self.send_presence()
        tell("online", jid=self.boundjid.full)

    async def lost(self, _):
        tell("cut")
        await asyncio.sleep(0.3)
        self.connect(**self.way)

    def tell_contacts(self, iq):
        for jid, item in iq["roster"]["items"].items():
            tell("contact", jid=str(jid), subscription=item["subscription"])

    def tell_message(self, message):
        if message["type"] in ("chat", "normal") and message["body"]:
            delayed = bool(message.get_plugin("delay", check=True))
            tell("message", **{"from": message["from"].bare}, body=message["body"], delayed=delayed)

    def tell_presence(self, presence):
        kind = presence["type"]
        if presence["from"].bare == self.boundjid.bare:
            return
        if kind == "unavailable" or kind in presence.showtypes or kind == "available":
            tell("presence", **{"from": presence["from"].bare}, available=kind != "unavailable")

    async def upload(self, name, content):
        # Only now: it needs aiohttp, which nothing else does.
        # COMPAT: slixmpp 1.8 cannot look for the service itself with Python 3.11.
        self.register_plugin("xep_0363", {"upload_service": self.boundjid.domain})
        file = io.BytesIO(content)
        address = await self["xep_0363"].upload_file(name, size=len(content), input_file=file)
        tell("uploaded", address=address)

    async def obey(self, command):
        what = command["do"]
        if what == "add":
            self.send_presence(pto=command["jid"], ptype="subscribe")
        elif what == "accept":
            self.send_presence(pto=command["jid"], ptype="subscribed")
        elif what == "message":
            self.send_message(mto=command["to"], mbody=command["body"], mtype="chat")
        elif what == "upload":
            await self.upload(command["name"], command["text"].encode())
        elif what == "logout":
            self.send_presence(ptype="unavailable")
            await self.disconnect()


async def commands():
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    async for line in reader:
        yield json.loads(line)


async def main():
    driver = None
    async for command in commands():
        if command["do"] == "login":
            driver = Driver(command)
            continue
        await driver.obey(command)
        if command["do"] == "logout":
            return


# slixmpp takes the loop that is current when the client is made.
asyncio.get_event_loop_policy().get_event_loop().run_until_complete(main())
