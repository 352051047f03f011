"""The OpenAPI document, made of the same declarations as the pages."""
from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from awe import __version__
from awe.services.declared import Parameter
from awe.services.failures import PROBLEM
from awe.services.page import Page

PROBLEM_SCHEMA = {
    "type": "object", "required": ["title", "status", "detail"],
    "properties": {"type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"}, "detail": {"type": "string"}}}
REFUSALS = {"400": "a parameter cannot be read", "401": "a token is wanted", "403": "not allowed", "404": "not there, or not to be seen",
            "409": "several answers, or held", "413": "too much was sent", "415": "a body of another kind", "422": "it cannot be done",
            "429": "too often", "503": "not just now"}
BINARY = {"csv": "text/csv", "votable": "application/x-votable+xml", "fits": "application/fits",
          "parquet": "application/vnd.apache.parquet", "python": "text/x-python", "svg": "image/svg+xml"}


def document(pages: Iterable[Page]) -> dict[str, Any]:
    """The whole document."""
    paths: dict[str, Any] = {}
    for page in pages:
        if page.twin:
            template = re.sub(r"{(\w+):\w+}", r"{\1}", page.twin)
            paths.setdefault(template, {})[page.method.lower()] = operation(page)
    return {"openapi": "3.1.0",
            "info": {"title": "awe", "version": __version__,
                     "description": "What the pages show and do, for programs. Without a token what the world may see is answered; "
                                    "`awe user token` makes one."},
            "paths": paths, "security": [{}, {"token": []}],
            "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}, "schemas": {"Problem": PROBLEM_SCHEMA}}}


def operation(page: Page) -> dict[str, Any]:
    """One page as an operation."""
    found: dict[str, Any] = {"operationId": page.name, "summary": page.summary, "responses": responses(page)}
    outside = [one for one in page.all_parameters.values() if page.method == "GET" or one.name in page.in_path]
    if outside:
        found["parameters"] = [parameter(page, one) for one in outside]
    inside = [one for one in page.all_parameters.values() if one not in outside]
    if page.method != "GET":
        schema = {"type": "object", "additionalProperties": False, "properties": {one.name: described(one) for one in inside},
                  "required": [one.name for one in inside if one.required]}
        found["requestBody"] = {"required": bool(schema["required"]), "content": {"application/json": {"schema": schema}}}
    if page.needs_user:
        found["security"] = [{"token": []}]
    return found


def responses(page: Page) -> dict[str, Any]:
    """What it answers."""
    content: dict[str, Any] = {"application/json": {"schema": {"type": "object"}}}
    content.update({BINARY[form]: {"schema": {"type": "string"}} for form in page.formats if form in BINARY})
    refusal = {"content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
    return {"200": {"description": page.summary, "content": content},
            **{status: {"description": text, **refusal} for status, text in REFUSALS.items()}}


def parameter(page: Page, one: Parameter) -> dict[str, Any]:
    """One parameter of the path or the query."""
    inside = one.name in page.in_path
    found = {"name": one.name, "in": "path" if inside else "query", "description": one.doc, "required": inside or one.required,
             "schema": one.schema}
    return {**found, "style": "form", "explode": True} if one.several else found


def described(one: Parameter) -> dict[str, Any]:
    """One member of a body."""
    return {**one.schema, "description": one.doc}
