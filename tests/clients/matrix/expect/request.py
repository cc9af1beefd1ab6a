"""What must have arrived at the vendor."""

from collections.abc import Iterator, Sequence
from typing import Any

from ..hear.media import of_base64
from ..vendor.seals import seal
from ..vendor.writing import seed
from ..words import Again, Answer, Ask, Call, Format, Got, Heard, Image, Piece, Refusal, Result, Step, Text, Thought
from . import schema

BETWEEN = "\0"


def problems(
    client: Format, vendor: Format, steps: Sequence[Step], at: int, heard: Heard, got: Got | None
) -> list[str]:
    """`at`: the step whose request was heard; `got`: what it was answered with, for what it says of losses."""
    ask = steps[at].ask
    told = [*_options(client, vendor, ask, heard)]
    expected = [*_conversation(client, vendor, steps, at)]
    told += _pieces(vendor, expected, list(heard.pieces), ask, got)
    told += _ids(vendor, steps, ask, heard)
    told += _seals(vendor, steps, ask, heard)
    return told


def _options(client: Format, vendor: Format, ask: Ask, heard: Heard) -> Iterator[str]:
    sent = {tool.name: tool for tool in ask.tools}
    is_left_out = ask.choice == "none" and not heard.tools
    if list(heard.tools) != list(sent) and not is_left_out:
        yield f"tools: sent {list(sent)}, heard {list(heard.tools)}"
    for name, (description, parameters) in heard.tools.items():
        if name in sent and description != sent[name].description:
            yield f"description of {name}: {description!r}"
        dialect = vendor == "gemini" or ask.own_dialect
        if name in sent and (differs := schema.same(sent[name].schema, parameters, dialect)):
            yield f"schema of {name}: {differs}"
    wanted = ask.choice if ask.choice not in (None, "auto") else None
    choice = heard.choice if heard.choice != "auto" else None
    if choice != wanted and not is_left_out:
        yield f"tool choice: sent {ask.choice}, heard {heard.choice}"
    if ask.parallel is False and heard.parallel is not False:
        yield f"parallel calls were switched off, heard {heard.parallel}"
    limit = ask.max_tokens or ((8000 if ask.thinking else 1000) if client == "anthropic" else None)
    if limit and heard.max_tokens != limit:
        yield f"most tokens: sent {limit}, heard {heard.max_tokens}"
    if heard.stop != ask.stop and vendor != "responses":
        yield f"stop sequences: sent {ask.stop}, heard {heard.stop}"
    if ask.output and (differs := schema.same(ask.output, heard.output, vendor == "gemini" or ask.own_dialect)):
        yield f"schema of the answer: {differs}"
    if not ask.output and heard.output:
        yield "a schema of the answer that nobody sent"
    if ask.output and client in ("chat", "responses") and vendor in ("chat", "responses") and not heard.strict:
        yield "the schema of the answer is no longer strict"
    if ask.thinking and not heard.thinking:
        yield "thinking was asked for, and not heard of"
    if ask.thinking and not heard.sealed:
        yield "the opaque state of thinking is not asked for"
    if ask.thinking and client != "chat" and not heard.shown:
        yield "thoughts are not asked to be shown"
    if ask.thinking and heard.budget is not None and client in ("anthropic", "gemini") and heard.budget != 2048:
        yield f"budget of thinking: sent 2048, heard {heard.budget}"
    if heard.choices != ask.choices and vendor in ("chat", "gemini"):
        yield f"choices: sent {ask.choices}, heard {heard.choices}"
    if heard.logprobs != (1 if ask.logprobs else None) and vendor != "anthropic":
        yield f"log probabilities: sent {ask.logprobs}, heard {heard.logprobs}"


def _conversation(client: Format, vendor: Format, steps: Sequence[Step], at: int) -> Iterator[Piece]:
    for turn in steps[at].ask.turns:
        if isinstance(turn, Again):
            answer = steps[turn.step].answer
            assert isinstance(answer, Answer)
            yield from _answered(answer)
            continue
        role: Any = "system" if turn.role == "developer" else turn.role
        # Vendors want the outcomes of calls first.
        for part in sorted(turn.parts, key=lambda part: not isinstance(part, Result)):
            match part:
                case Text(text):
                    yield Piece(role, "text", text)
                case Image(data, mime):
                    yield Piece(role, "image", data=data, mime=mime)
                case Call(name, args, id):
                    yield Piece(role, "call", name=name, args=args, id=id)
                case Result(_, parts, failed):
                    said = "".join(inner.text for inner in parts if isinstance(inner, Text))
                    images = tuple((inner.mime, inner.data) for inner in parts if isinstance(inner, Image))
                    # OpenAI's formats have no word for a failed call.
                    known = failed if client in ("anthropic", "gemini") else None
                    yield Piece(role, "result", said, failed=known, images=images)


def _answered(answer: Answer) -> Iterator[Piece]:
    for part in answer.parts:
        match part:
            case Text(text) | Refusal(text):
                yield Piece("assistant", "text", text)
            case Call(name, args):
                yield Piece("assistant", "call", name=name, args=args)


def _pieces(vendor: Format, expected: list[Piece], heard: list[Piece], ask: Ask, got: Got | None) -> list[str]:
    heard = [piece for piece in heard if piece.kind != "thought" and (piece.kind != "text" or piece.text)]
    told = [f"a piece that nobody sent: {p}" for p in heard if p.kind not in ("text", "image", "call", "result")]
    if any(piece.images for piece in expected):
        heard, missing = _with_images(expected, heard)
        told += missing
    found = min((_differences(vendor, wanted, heard, got) for wanted in _places(vendor, expected)), key=len)
    return told + found


def _places(vendor: Format, expected: list[Piece]) -> list[list[Piece]]:
    """Where the system's words may stand: where they were said.

    With a vendor that has no place for them there, also before everything else or among the user's.
    """
    opening = next((at for at, piece in enumerate(expected) if piece.role != "system"), len(expected))
    later = [piece for piece in expected[opening:] if piece.role == "system"]
    if not later or vendor in ("chat", "responses"):
        return [expected]
    others = [piece for piece in expected[opening:] if piece.role != "system"]
    as_user = [Piece("user", "text", p.text, name="system") if p in later else p for p in expected]
    return [expected, [*expected[:opening], *later, *others], as_user]


def _with_images(expected: list[Piece], heard: list[Piece]) -> tuple[list[Piece], list[str]]:
    """Images of results may stand in the result or behind it, with words of their own; without these."""
    images = [image for piece in expected if piece.kind == "result" for image in piece.images]
    texts = {piece.text for piece in expected if piece.kind == "text"}
    found = [image for piece in heard for image in (*piece.images, (piece.mime, piece.data))]
    missing = [f"{mime} of {len(data)} bytes in a result is lost" for mime, data in images if (mime, data) not in found]
    after_result = False
    kept = []
    for piece in heard:
        after_result = piece.kind == "result" or (after_result and piece.role == "user")
        is_word = piece.kind == "text" and piece.text not in texts
        if not (after_result and (is_word or (piece.mime, piece.data) in images)):
            kept.append(piece)
    return kept, missing


def _differences(vendor: Format, expected: list[Piece], heard: list[Piece], got: Got | None) -> list[str]:
    expected, heard = _merged(expected), _merged(heard)
    told = []
    for wanted, piece in zip(expected, heard, strict=False):
        if (wanted.role, wanted.kind) != (piece.role, piece.kind):
            told.append(f"wanted {wanted.role} {wanted.kind}, heard {piece.role} {piece.kind}")
        elif wanted.kind == "text" and not _same_text(wanted, piece.text):
            told.append(f"wanted {wanted.text!r}, heard {piece.text!r}")
        elif wanted.kind == "image" and (wanted.data, wanted.mime) != (piece.data, piece.mime):
            told.append(f"another image: {piece.mime}, {len(piece.data)} bytes")
        elif wanted.kind == "call" and (wanted.name, wanted.args) != (piece.name, piece.args):
            told.append(f"wanted the call {wanted.name}({wanted.args}), heard {piece.name}({piece.args})")
        elif wanted.kind == "result":
            told += _result(vendor, wanted, piece, got)
    if len(expected) != len(heard):
        told.append(f"wanted {_outline(expected)}, heard {_outline(heard)}")
    return told


def _result(vendor: Format, wanted: Piece, heard: Piece, got: Got | None) -> Iterator[str]:
    if not wanted.failed:
        if wanted.text != heard.text:
            yield f"wanted the result {wanted.text!r}, heard {heard.text!r}"
        if heard.failed:
            yield "the result failed on its way"
        return
    if wanted.text not in heard.text:
        yield f"wanted the error {wanted.text!r}, heard {heard.text!r}"
    if vendor in ("anthropic", "gemini") and not heard.failed:
        yield "the result does not say that the call failed"
    is_told = "error" in heard.text.lower() or (got and got.dropped)
    if vendor in ("chat", "responses") and not is_told:
        yield f"nothing says that the call failed: {heard.text!r}"


def _same_text(wanted: Piece, heard: str) -> bool:
    if wanted.name == "system":
        # Among the user's words the system's may be marked.
        place = 0
        for text in wanted.text.split(BETWEEN):
            place = heard.find(text, place)
            if place < 0:
                return False
        return True
    if wanted.text.count(BETWEEN) == heard.count(BETWEEN):
        return wanted.text == heard
    # Joined texts: what stands between them is the converter's.
    return "".join(wanted.text.replace(BETWEEN, "").split()) == "".join(heard.replace(BETWEEN, "").split())


def _merged(pieces: list[Piece]) -> list[Piece]:
    """Neighbouring texts of one role as one."""
    merged: list[Piece] = []
    for piece in pieces:
        last = merged[-1] if merged else None
        if last and piece.kind == last.kind == "text" and piece.role == last.role:
            text = last.text + BETWEEN + piece.text
            merged[-1] = Piece(last.role, "text", text, name=last.name or piece.name)
        else:
            merged.append(piece)
    return merged


def _outline(pieces: list[Piece]) -> str:
    return " ".join(f"{piece.role}:{piece.kind}" for piece in pieces)


def _ids(vendor: Format, steps: Sequence[Step], ask: Ask, heard: Heard) -> Iterator[str]:
    calls = [piece for piece in heard.pieces if piece.kind == "call"]
    results = [piece for piece in heard.pieces if piece.kind == "result"]
    if [call.id for call in calls] != [result.id for result in results]:
        yield f"calls {[call.id for call in calls]}, results {[result.id for result in results]}"
    prefix = {"chat": "call_", "responses": "call_", "anthropic": "toolu_"}.get(vendor)
    again = [turn.step for turn in ask.turns if isinstance(turn, Again)]
    if prefix and again:
        wanted = [
            f"{prefix}{seed(heard.model, step)}{place}"
            for step in again
            for place in range(sum(isinstance(part, Call) for part in _parts_of(steps, step)))
        ]
        if [call.id for call in calls][-len(wanted) :] != wanted and wanted:
            yield f"the vendor gave the ids {wanted}, and heard {[call.id for call in calls]}"


def _parts_of(steps: Sequence[Step], step: int) -> tuple[Any, ...]:
    answer = steps[step].answer
    return answer.parts if isinstance(answer, Answer) else ()


def _seals(vendor: Format, steps: Sequence[Step], ask: Ask, heard: Heard) -> Iterator[str]:
    """Opaque state goes back to its vendor to the letter, right before the calls that it belongs to."""
    if vendor == "chat":
        return
    for turn in ask.turns:
        parts = _parts_of(steps, turn.step) if isinstance(turn, Again) else ()
        thoughts = [part for part in parts if isinstance(part, Thought) and part.seal]
        if not thoughts or not any(isinstance(part, Call) for part in parts):
            continue
        wanted = seal(vendor, thoughts[0].seal)
        name = next(part.name for part in parts if isinstance(part, Call))
        at = next((at for at, piece in enumerate(heard.pieces) if piece.kind == "call" and piece.name == name), None)
        if at is None:
            yield f"the call of {name} is lost"
        elif vendor == "gemini":
            if not heard.pieces[at].seal or of_base64(heard.pieces[at].seal) != of_base64(wanted):
                yield f"the signature of the call is {heard.pieces[at].seal!r}, not {wanted!r}"
        else:
            before = [p for p in heard.pieces[:at] if p.kind == "thought"]
            if not before or before[-1].seal != wanted:
                yield f"the signature before the call is {before[-1].seal if before else None!r}, not {wanted!r}"
            elif before[-1].text != thoughts[0].text:
                yield f"the thought was signed as {thoughts[0].text!r} and came back as {before[-1].text!r}"
