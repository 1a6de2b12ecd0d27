"""Mail, notifications and events; read by `sandbox.endpoints`."""

from __future__ import annotations

from sandbox import fields as f
from sandbox import words
from sandbox.endpoints.endpoint import Endpoint, Shape

MAIL = "/api/v2/mail/subscriptions"
EVENTS = "/api/v2/events"

ENDPOINTS = (
    Endpoint(
        "/api/v2/calendars/events",
        {
            "id": f.serial, "name": f.phrase, "description": f.sentence,
            "recipients": f.list_of(f.row_of("/api/v2/clients"), 3),
            "startTime": f.create_time, "endTime": f.later_time,
        },
        count=8, sorts=("startTime",), filters="startDate>=startTime endDate<=startTime recipients name description",
    ),
    Endpoint(
        "/api/v2/mails/notifications/templates",
        {
            "id": f.serial, "typeId": f.row_of("/api/v2/mails/notifications/types"),
            "locale": f.one_of("en_US", "ja_JP"), "subject": f.phrase, "body": f.sentence, "isEnabled": f.flag,
            "createTime": f.create_time,
        },
        count=12, filters="typeId locale subject isEnabled",
    ),
    Endpoint(
        "/api/v2/mails/notifications/types",
        {"id": f.serial, "name": f.slug, "caption": f.phrase},
        count=6, scales=False,
    ),
    Endpoint(
        MAIL + "/providers",
        {
            "id": f.serial, "caption": f.phrase, "platform": f.one_of("SendGrid", "Mailgun"), "isEnabled": f.flag,
            "createTime": f.create_time,
        },
        count=3, sorts=("createTime", "caption"), filters="caption platform isEnabled", scales=False,
    ),
    Endpoint(
        MAIL + "/templates",
        {"id": f.serial, "caption": f.phrase, "subject": f.phrase, "body": f.sentence, "createTime": f.create_time},
        count=6,
    ),
    Endpoint(
        MAIL + "/messages",
        {
            "id": f.serial, "subject": f.phrase, "recipient": f.email, "status": f.one_of("sent", "failed"),
            "createTime": f.create_time,
        },
        count=20,
    ),
    Endpoint(
        "/api/v2/mail/providers",
        {
            "id": f.serial, "name": f.numbered("smtp_{}"), "host": f.numbered("smtp{}.example.com"),
            "port": f.one_of(25, 465, 587), "isEnabled": f.flag, "priority": f.number(0, 9),
        },
        count=3, sorts=(), scales=False,
    ),
    Endpoint(EVENTS + "/notifications/types", shape=Shape.STRINGS, seeds=words.EVENT_TYPES, has_item=False),
    Endpoint(
        EVENTS + "/notifications",
        {
            "id": f.serial, "type": f.one_of(*words.EVENT_TYPES), "channel": f.one_of("email", "slack", "telegram"),
            "isEnabled": f.flag, "createTime": f.create_time,
        },
        count=8,
    ),
    Endpoint(
        EVENTS + "/listeners",
        {
            "id": f.serial, "type": f.one_of(*words.EVENT_TYPES), "handler": f.one_of("mail", "task"),
            "isEnabled": f.flag, "createTime": f.create_time,
        },
        count=6,
    ),
    Endpoint(
        EVENTS + "/listeners/types",
        {"type": f.by_number(words.EVENT_TYPES), "caption": f.phrase},
        key="type", count=len(words.EVENT_TYPES), scales=False, shape=Shape.BARE, sorts=(), has_item=False,
        is_paged=False,
    ),
    Endpoint(
        EVENTS + "/listeners/handlers",
        {"name": f.numbered("handler_{}"), "caption": f.phrase},
        key="name", count=4, scales=False, shape=Shape.BARE, sorts=(), has_item=False, is_paged=False,
    ),
    Endpoint(
        EVENTS + "/listeners/workflows",
        {"name": f.numbered("workflow_{}"), "steps": f.number(1, 6)},
        key="name", count=3, scales=False, sorts=(), has_item=False, is_paged=False,
    ),
)  # fmt: skip
