"""states: from the notes of recorder.c to every state of the disk that a power cut may leave.

The model. A file is its inode: names and mode (the metadata) and bytes (the data).
- The metadata operations of one inode (create, rename, link, unlink, chmod) survive in order: a
  cut keeps some prefix of them. Different inodes are independent of each other.
- fsync of a file that returned makes all that was done to it before the call durable, its names
  included (as ext4, XFS and btrfs do). fsync of a folder does so for the names in it.
- Data that was not synced may survive in any way: all, the first writes, all but one (zeros in
  its place), half of the last write, only the length it gave the file.
This is weaker than what a journal with one order for all metadata gives, so it has more states.
"""
import itertools
import random
import re
import struct

HEAD = struct.Struct("<QIIQQ")
NOTE = struct.Struct("<IIQqIIc7x")


class Inode:
    def __init__(self, number):
        self.number = number
        self.meta = []   # (time, ("name", path) | ("gone", path) | ("mode", bits)), ...
        self.data = []   # (time, offset, bytes) or (time, length, None) for a truncation
        self.syncs = []  # (begin, end)
        self.size = 0    # as the running system sees it
        self.names = set()

    def all_bytes(self):
        return b"\n".join(chunk for _, _, chunk in self.data if chunk)

    def times(self):
        return ([m[0] for m in self.meta] + [d[0] for d in self.data]
                + [s for pair in self.syncs for s in pair])


class Journal:
    """All inodes that were made while recording, and the notes of the test itself."""

    def __init__(self, data, spool, folders):
        self.spool = str(spool)
        self.folders = folders  # inode -> path, of folders
        self.inodes, self.live, self.notes = [], {}, []
        self.folder_syncs = []  # (path, begin, end)
        self.begun = {}
        used, _, _, _, overflow = HEAD.unpack_from(data)
        assert not overflow, "the recording is larger than its file"
        at, self.time = HEAD.size, 0
        while at < used:
            length, pid, inode, number, first_len, second_len, what = NOTE.unpack_from(data, at)
            start = at + NOTE.size
            first = data[start : start + first_len]
            second = data[start + first_len : start + first_len + second_len]
            self.time += 1
            getattr(self, "take_" + what.decode())(pid, inode, number, first, second)
            at += length

    def path(self, raw):
        text = raw.decode()
        return text if text.startswith("/") else f"{self.spool}/{text}"

    def take_C(self, _pid, inode, number, first, _second):
        path = self.path(first)
        known = self.live.get(inode)
        if known is not None and path in known.names:
            return
        new = Inode(inode)
        new.names.add(path)
        new.meta.append((self.time, (("name", path), ("mode", number & 0o700))))
        self.live[inode] = new
        self.inodes.append(new)

    def take_Z(self, pid, inode, number, first, second):
        self.take_C(pid, inode, number, first, second)
        self.take_T(pid, inode, 0, b"", b"")

    def take_W(self, _pid, inode, offset, first, _second):
        file = self.live.get(inode)
        if file is None:
            return
        if offset < 0:
            offset = file.size
        file.data.append((self.time, offset, bytes(first)))
        file.size = max(file.size, offset + len(first))

    def take_T(self, _pid, inode, length, _first, _second):
        file = self.live.get(inode)
        if file is not None and file.size != length:
            file.data.append((self.time, length, None))
            file.size = length

    def take_S(self, pid, inode, _number, _first, _second):
        self.begun[pid, inode] = self.time

    def take_s(self, pid, inode, _number, _first, _second):
        begin = self.begun.pop((pid, inode))
        if inode in self.live:  # a folder may have got its number later
            self.live[inode].syncs.append((begin, self.time))
        elif inode in self.folders:
            self.folder_syncs.append((self.folders[inode], begin, self.time))

    def take_x(self, pid, inode, *_):
        self.begun.pop((pid, inode))

    def take_R(self, _pid, inode, _number, first, second):
        file = self.live.get(inode)
        if file is not None:
            old, new = self.path(first), self.path(second)
            file.meta.append((self.time, (("gone", old), ("name", new))))
            file.names.discard(old)
            file.names.add(new)

    def take_L(self, _pid, inode, _number, _first, second):
        file = self.live.get(inode)
        if file is not None:
            file.meta.append((self.time, (("name", self.path(second)),)))
            file.names.add(self.path(second))

    def take_U(self, _pid, inode, _number, first, _second):
        file = self.live.get(inode)
        if file is not None:
            file.meta.append((self.time, (("gone", self.path(first)),)))
            file.names.discard(self.path(first))
            if not file.names:
                self.live.pop(inode)

    def take_M(self, _pid, inode, mode, _first, _second):
        if inode in self.live:
            self.live[inode].meta.append((self.time, (("mode", mode & 0o7777),)))

    def take_A(self, _pid, _inode, _number, first, _second):
        queue_id = re.search(rb"queued as (\w+)", first).group(1).decode()
        self.notes.append((self.time, "queued", queue_id))

    def take_N(self, _pid, _inode, _number, first, _second):
        self.notes.append((self.time, *first.decode().split()))

    # -- families: all files that have to do with one message ------------------------------
    def families(self, marker):
        """tag -> inodes. A file belongs to the tag in its bytes, a log to that of its message."""
        of_id, families = {}, {}
        for file in self.inodes:
            found = re.search(marker, file.all_bytes())
            if found:
                for _, changes in file.meta:
                    for kind, path in changes:
                        if kind != "mode":
                            of_id[path.rsplit("/", 1)[1]] = found.group(0)
        for file in self.inodes:
            names = [c[1] for _, changes in file.meta for c in changes if c[0] != "mode"]
            found = re.search(marker, file.all_bytes())
            tag = found.group(0) if found else next(
                (of_id[n] for n in (p.rsplit("/", 1)[1] for p in names) if n in of_id), None)
            if tag is not None:
                families.setdefault(tag.decode(), []).append(file)
        self.of_id = {name: tag.decode() for name, tag in of_id.items()}
        return families

    # -- states ----------------------------------------------------------------------------
    def durable(self, file, now):
        """(metadata operations, data operations) that have to survive a cut at `now`."""
        synced = max((begin for begin, end in file.syncs if end <= now), default=0)
        meta = sum(1 for when, _ in file.meta if when <= synced)
        for folder, begin, end in self.folder_syncs:
            if end > now:
                continue
            for index, (when, changes) in enumerate(file.meta):
                if when <= begin and any(
                    kind != "mode" and path.rpartition("/")[0] == folder for kind, path in changes
                ):
                    meta = max(meta, index + 1)
        return meta, sum(1 for op in file.data if op[0] <= synced)

    def variants(self, file, now):
        """All that a cut at `now` may leave of one file: {(names, mode, bytes)}."""
        if not file.meta or file.meta[0][0] > now:
            return [None]
        meta_kept, data_kept = self.durable(file, now)
        done_meta = [op for op in file.meta if op[0] <= now]
        done_data = [op for op in file.data if op[0] <= now]
        found = set()
        for count in range(meta_kept, len(done_meta) + 1):
            names, mode = set(), 0
            for _, changes in done_meta[:count]:
                for kind, value in changes:
                    if kind == "name":
                        names.add(value)
                    elif kind == "gone":
                        names.discard(value)
                    else:
                        mode = value
            if not names:
                found.add(None)
                continue
            for content in surviving(done_data[:data_kept], done_data[data_kept:]):
                found.add((tuple(sorted(names)), mode, content))
        return list(found)

    def states(self, files, moments, most, chance):
        """(moment, [(names, mode, bytes), ...]) for each moment, at most `most` for each."""
        for now in moments:
            choices = [self.variants(file, now) for file in files]
            total = 1
            for choice in choices:
                total *= len(choice)
            if total <= most:
                combined = itertools.product(*choices)
            else:
                combined = ([chance.choice(choice) for choice in choices] for _ in range(most))
            for combination in combined:
                present = [part for part in combination if part is not None]
                names = [name for part in present for name in part[0]]
                if len(names) == len(set(names)):  # a name has one file
                    yield now, present


def apply(operations):
    content = bytearray()
    for _, offset, chunk in operations:
        if chunk is None:
            del content[offset:]
            content.extend(bytes(offset - len(content)))
            continue
        if len(content) < offset:
            content.extend(bytes(offset - len(content)))
        content[offset : offset + len(chunk)] = chunk
    return bytes(content)


def surviving(kept, pending):
    found = {apply(kept + pending), apply(kept)}
    for index, (when, offset, chunk) in enumerate(pending):
        found.add(apply(kept + pending[:index]))
        found.add(apply(kept + pending[:index] + pending[index + 1 :]))
        if chunk:
            half = (when, offset, chunk[: len(chunk) // 2])
            found.add(apply(kept + pending[:index] + [half]))
            if offset >= len(apply(kept + pending[:index])):  # new blocks, never written
                found.add(apply(kept + pending[:index] + [(when, offset, bytes(len(chunk)))]))
    return found


def seeded(number):
    return random.Random(number)
