"""Lock-control boards: what they say on the wire.

One module for each family of boards, each a codec without any port: it writes requests into a
buffer and looks for replies in what has been heard.  ``rs485`` sends and receives.  A codec has

- ``polls``: how many requests fetch the state of all its inputs, numbered from 0;
- ``request(n, out)``: write request ``n``, return its length;
- ``reply_bytes(n)``: length of the reply to it, 0 when only a quiet wire tells its end;
- ``reply(n, data, count, bits)``: look for a whole and correct reply to request ``n`` anywhere in
  ``data[:count]``, set its inputs in ``bits`` (bit 0 of byte 0 is channel 0) and return where the
  reply ends; 0 when there is none.  A request that comes back as an echo is never taken for one;
- ``missed()``: a request stayed without a reply;
- ``hint(data, count)``: whether ``data[:count]`` has an unasked frame of the board that a door moved;
- ``open(channel, pulse_ms, out)``: write the command that energises one lock, return its length;
- ``all_off(out)``: the same for the command that ends every pulse, 0 where there is none;
- ``coil_ms(pulse_ms)``: how long the board then keeps the coil on;
- ``GAP_MS``: how long the wire must be quiet before the next request.

Sources of the frames: vendors' documents and independent drivers.
"""

# kind -> (module, class, lowest and highest address, locks, inputs): also the limits for the configuration.
KINDS = {
    "8a": ("eight_a", "EightA", 1, 32, 50, 50),
    "cu48": ("kerong", "Cu48", 0, 9, 48, 48),
    "cu16": ("kerong", "Cu16", 0, 15, 16, 32),
    "winnsen": ("winnsen", "Winnsen", 0, 254, 24, 24),
    "wkly": ("wkly", "Wkly", 0, 254, 50, 50),
    "modbus": ("modbus", "ModbusRelays", 1, 247, 64, 64),
}


def codec(kind: str, address: int, locks: int, inputs: int, coil_ms: int, is_reversed: bool):
    """The codec of one board; imports only this one.

    ``locks`` and ``inputs``: how many are wired, from the first.  ``coil_ms``: how long the board energises a
    lock by itself, or for a board that is told a time, the longest one.  ``is_reversed``: it sends the state
    of its last locks first (no effect where locks are asked for one by one).
    """
    module, name = KINDS[kind][:2]
    path = "{}.{}".format(__name__, module)
    made = getattr(__import__(path, None, None, (name,)), name)
    return made(address, locks, inputs, coil_ms, is_reversed)
