"""Descriptor sets from which Python code is generated: only what the code uses, under file names of ours.

Generated modules register their files in protobuf's one default pool, and their packages lie beside everybody else's in
`site-packages`. So no third-party package is generated under its own name.
"""

from collections.abc import Iterable, Iterator

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet

_RULES = "buf/validate/validate.proto"


def without_rules(files: FileDescriptorSet) -> FileDescriptorSet:
    """Returns `files` without the dependency on buf.validate.

    The field rules stay, as the bytes of options that nobody has declared: protovalidate reads them so.
    """
    kept = FileDescriptorSet()
    for file in files.file:
        if file.name == _RULES:
            continue
        copy = kept.file.add()
        copy.CopyFrom(file)
        _depend(copy, (name for name in file.dependency if name != _RULES))
        _drop_default_json_names(copy)
    return kept


def subset(files: FileDescriptorSet, service: str, root: str, new_root: str) -> FileDescriptorSet:
    """Returns the part of `files` that one service needs.

    Args:
        files: The file of the service and all that it imports.
        service: File that defines the service.
        root: Folder of the files to reduce; all others stay whole, or are dropped when nothing refers to them.
        new_root: Name of that folder in the result. Proto packages, and so what is sent, stay as they are.

    Returns:
        Messages and enums that the methods of the service reach, without custom options and without comments.
    """
    defined = {name: file.name for file in files.file for name in _top_level(file)}
    messages = {
        name: message
        for file in files.file
        for message in file.message_type
        for name in [f".{file.package}.{message.name}"]
    }
    reached: set[str] = set()
    waiting = [
        type_name
        for file in files.file
        if file.name == service
        for definition in file.service
        for method in definition.method
        for type_name in (method.input_type, method.output_type)
    ]
    while waiting:
        name = _container(waiting.pop(), defined)
        if name not in reached:
            reached.add(name)
            waiting += [field.type_name for field in _fields(messages.get(name)) if field.type_name]
    return _cut(files, service, reached, defined, f"{root}/", f"{new_root}/")


def _cut(
    files: FileDescriptorSet, service: str, reached: set[str], defined: dict[str, str], root: str, new_root: str
) -> FileDescriptorSet:
    def renamed(name: str) -> str:
        return new_root + name.removeprefix(root) if name.startswith(root) else name

    kept = FileDescriptorSet()
    needed = {service} | {defined[name] for name in reached}
    for file in files.file:
        if not file.name.startswith(root):
            if file.name.startswith("google/protobuf/") or file.name in needed:
                kept.file.add().CopyFrom(file)
            continue
        if file.name not in needed:
            continue
        copy = kept.file.add(name=renamed(file.name), package=file.package, syntax=file.syntax)
        copy.message_type.extend(m for m in file.message_type if f".{file.package}.{m.name}" in reached)
        copy.enum_type.extend(e for e in file.enum_type if f".{file.package}.{e.name}" in reached)
        if file.name == service:
            copy.service.extend(file.service)
        uses = {field.type_name for message in copy.message_type for field in _fields(message) if field.type_name}
        uses |= {t for s in copy.service for method in s.method for t in (method.input_type, method.output_type)}
        used = {defined[_container(name, defined)] for name in uses} - {file.name}
        _depend(copy, (renamed(name) for name in file.dependency if name in used))
        copy.DiscardUnknownFields()  # custom options: their files are not there
        _drop_default_json_names(copy)
    return kept


def _top_level(file: FileDescriptorProto) -> Iterator[str]:
    names = [message.name for message in file.message_type] + [enum.name for enum in file.enum_type]
    yield from (f".{file.package}.{name}" for name in names)


def _container(type_name: str, defined: dict[str, str]) -> str:
    """The message or enum at the top of its file that `type_name` is, or lies in."""
    while type_name not in defined:
        type_name = type_name.rpartition(".")[0]
    return type_name


def _fields(message: DescriptorProto | None) -> Iterator[FieldDescriptorProto]:
    """All fields of a message and of those nested in it."""
    if message is not None:
        yield from message.field
        for nested in message.nested_type:
            yield from _fields(nested)


def _depend(file: FileDescriptorProto, names: Iterable[str]) -> None:
    names = list(names)
    del file.dependency[:]
    file.dependency.extend(names)


def _drop_default_json_names(file: FileDescriptorProto) -> None:
    """A descriptor set spells out JSON names that follow from the fields' names; generated code need not."""
    for field in (*file.extension, *(field for message in file.message_type for field in _fields(message))):
        head, *tail = field.name.split("_")
        if field.json_name == head + "".join(word[:1].upper() + word[1:] for word in tail):
            field.ClearField("json_name")
