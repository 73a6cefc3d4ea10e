"""Check a composed config: every key and value, in one line when it is refused."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from yolograft.common.errors import UserError
from yolograft.common.parts import MODEL_GROUPS
from yolograft.common.suggestions import did_you_mean
from yolograft.config.schema import DATASET_OPTIONS, AttentionOptions, BackboneOptions, DatasetOptions, Strict
from yolograft.config.signature import options

# Groups whose option names a class or function by `_target_`; its signature says what it takes.
PART_GROUPS = (*MODEL_GROUPS, "dataset")

_COMMON: Mapping[str, type[BaseModel]] = {
    "dataset": DatasetOptions,
    "attention": AttentionOptions,
    "backbone": BackboneOptions,
}
"""What every option of a group takes."""

_EXACT = ConfigDict(extra="forbid", strict=True)


def validate(schema: type[Strict], config: Mapping[str, Any], choices: Mapping[str, str]) -> None:
    """Check a composed config against a command's schema and the signatures of the parts it names.

    Args:
        schema: The command's.
        config: The resolved config as plain containers, without Hydra's own key.
        choices: The option chosen in each group.

    Raises:
        UserError: For the first key or value that is refused.
    """
    check_values(schema, config)
    for group in PART_GROUPS:
        if isinstance(part := config.get(group), Mapping):
            check_part(group, part, choices.get(group))


def check_part(group: str, part: Mapping[str, Any], choice: str | None = None) -> None:
    """Check the options of a part or data set against the signature of what its `_target_` names.

    Args:
        group: The config group.
        part: Its content.
        choice: The option chosen, `conf/GROUP/CHOICE.yaml`; None where it is not known.

    Raises:
        UserError: For the first that is refused.
    """
    target = part.get("_target_")
    if target is None and set(part) == set(DATASET_OPTIONS):  # `val` without a data set: the run's
        check_values(DatasetOptions, part, prefix=f"{group}.")
        return
    if target is None and group == "attention" and "_target_" in part:  # attention=none
        check_values(AttentionOptions, {k: v for k, v in part.items() if k != "_target_"}, prefix=f"{group}.")
        return
    if not isinstance(target, str):
        raise UserError(f"{group}: has no _target_; conf/{group}/NAME.yaml must name its class or function")
    base = _COMMON.get(group, BaseModel)
    try:
        fields: dict[str, Any] = dict(options(target))
    except UserError as error:
        raise UserError(f"{group}={choice}: {error}" if choice else f"{group}.{error}") from None
    # A backbone of the person's own may have had an `activation` before every backbone took one: then it is its own.
    if group != "backbone" and (taken := set(fields) & set(base.model_fields)):
        raise UserError(f"{target}: its option {min(taken)} means something for every {group}; name it otherwise")
    model: type[BaseModel] = create_model(group, __base__=type(group, (base,), {"model_config": _EXACT}), **fields)
    check_values(model, {k: v for k, v in part.items() if k != "_target_"}, prefix=f"{group}.")


def check_values(model: type[BaseModel], values: Mapping[str, Any], prefix: str = "") -> None:
    """Check values against a pydantic model.

    Args:
        model: What they must be.
        values: By key.
        prefix: What stands before a key on the command line, as `backbone.`.

    Raises:
        UserError: For the first that is refused.
    """
    try:
        model.model_validate(values, strict=True)
    except ValidationError as refused:
        raise UserError(_one_line(refused, values, prefix, list(model.model_fields))) from None


def _one_line(refused: ValidationError, values: Mapping[str, Any], prefix: str, known: Sequence[str]) -> str:
    error = refused.errors(include_url=False)[0]
    if not error["loc"]:  # keys that do not go together: the message names them
        return str(error["ctx"]["error"])
    path: list[str] = []
    node: Any = values
    for step in map(str, error["loc"]):  # a union adds the names of its branches to the path: keep what is a key
        if not isinstance(node, Mapping):
            break
        if step not in node:
            continue
        path.append(step)
        node = node[step]
    key = prefix + ".".join(path or [str(error["loc"][0])])
    match error["type"]:
        case "extra_forbidden" if not known and prefix.startswith("hydra."):
            return f"{key}: there is no such key; this one takes none"
        case "extra_forbidden" if not known:
            return f"{key}: its class takes no options; they are the keyword-only parameters of __init__, after a *"
        case "extra_forbidden":
            return f"{key}: there is no such key{did_you_mean(path[-1], known)} Known here: {', '.join(known)}"
        case "missing":
            return f"{prefix}{'.'.join(map(str, error['loc']))}: must be given"
        case "value_error":
            reason = str(error["ctx"]["error"])
        case "literal_error":
            expected = error["ctx"]["expected"].replace(" or ", ", ")
            reason = _one_of(error["input"], expected)
            if isinstance(node, Sequence) and not isinstance(node, str):  # an item of a list
                reason = f"{error['input']} {reason}"
        case "union_tag_invalid":  # a model chosen by one of its keys, as a logger by its kind
            key = f"{key}.{error['ctx']['discriminator'].strip(chr(39))}"
            node = error["ctx"]["tag"]
            reason = _one_of(node, error["ctx"]["expected_tags"])
        case _:
            alike = [e for e in refused.errors() if e["loc"][: len(path)] == error["loc"][: len(path)]]
            reason = " or ".join(dict.fromkeys(e["msg"][0].lower() + e["msg"][1:] for e in alike))
            for each in alike:  # what is said of the branch of a union that comes nearest
                if each["type"] == "too_short":
                    reason = "name at least one"
                elif each["type"] == "value_error":
                    reason = str(each["ctx"]["error"])
    return f"{key}={node}: {reason}"


def _one_of(value: object, quoted: str) -> str:
    """Return what is right in place of a value, from pydantic's list of quoted names."""
    names = quoted.replace("'", "")
    return f"must be one of {names}{did_you_mean(str(value), names.split(', ')).removesuffix('.')}"
