"""The Celery app: queues, acknowledgement, redelivery; every setting that is not Celery's default says why.

Called by bootstrap (to send wake-ups) and by worker/consumer.py (to receive them). Making an app opens nothing.
"""

from __future__ import annotations

from typing import Any

from celery import Celery

from tasks import celery_tasks, wakeups
from worker import broker_urls

#: After this long an unacknowledged wake-up is handed out again. Must be more than three times the longest task: a
#: slice of a scan ends after 20 s and a batch of deliveries after its time-out.
VISIBILITY_TIMEOUT_SECONDS = 120
#: How often each worker looks for such ones.
RESTORE_SECONDS = 10
#: How long a worker asks the broker for a wake-up before it asks anew. One that comes ends the wait at once; so this is
#: no delay, and the server answers that there is none.
POLL_SECONDS = 5
#: What runs gets this long to finish when a worker is told to stop; the supervisor kills at 30.
SOFT_SHUTDOWN_SECONDS = 28
#: Under `redis://`, other Celery apps may share the server. Without a prefix, the short visibility timeout above would
#: hand out *their* long tasks again, and their `scan` queue would be ours.
KEY_PREFIX = "mirrorpoint."


def make(broker_url: str) -> Celery:
    """The app for `redis://`, `rediss://` or `redis+socket://`; the same for senders and receivers.

    A certificate is verified unless the URL says otherwise.
    """
    app = Celery("mirrorpoint", broker=broker_urls.verified(broker_url), set_as_current=False)
    app.conf.update(settings())
    celery_tasks.register(app)
    return app


def settings() -> dict[str, Any]:
    """Celery's settings, by name."""
    return {
        # -- what a wake-up is: names in JSON, no results. Pickle would run what it is sent.
        "accept_content": ["json"],
        "task_serializer": "json",
        "result_backend": None,
        "task_ignore_result": True,  # what a task did stands in the database; nobody reads a result
        "timezone": "UTC",
        "enable_utc": True,
        # -- where it goes: three queues, so that a long scan never stands in front of a delivery
        "task_queues": {kind.queue: {"exchange": kind.queue, "routing_key": kind.queue} for kind in wakeups.KINDS},
        "task_default_queue": wakeups.HOUSEKEEPING,
        "task_routes": {kind.task: {"queue": kind.queue} for kind in wakeups.KINDS},
        "task_create_missing_queues": False,  # a misspelt queue is an error, not a queue that nobody reads
        # -- never lost while a worker lives: acknowledged when done, so a killed worker's wake-up comes again
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "worker_prefetch_multiplier": 1,  # else one worker sits on wake-ups that another could have done long ago
        "broker_transport_options": {
            "visibility_timeout": VISIBILITY_TIMEOUT_SECONDS,
            "unacked_restore_interval": RESTORE_SECONDS,
            "unacked_restore_throttle": 1,  # kombu really looks only every 10th time by default
            "polling_interval": POLL_SECONDS,
            "priority_steps": [0],  # all wake-ups are equal: else each queue is four lists, and each is asked for
            "global_keyprefix": KEY_PREFIX,
            "socket_connect_timeout": 5,
            "socket_timeout": 15,  # else a command to a server that vanished without a word waits for ever
            "socket_keepalive": True,
            "health_check_interval": 6,  # a reply overdue by this long (and the poll's seconds): the line is dead
            # Sending tries twice within a second, then gives up: a lost wake-up is made good by housekeeping, but a
            # scan that waits for the broker makes nothing good. (kombu's default is to try for ever.)
            "max_retries": 1,
            "interval_start": 0,
            "interval_step": 0.2,
            "interval_max": 0.5,
        },
        # Read in two more places: by code that asks the app instead of the transport, and by result backends.
        "visibility_timeout": VISIBILITY_TIMEOUT_SECONDS,
        "result_backend_transport_options": {"visibility_timeout": VISIBILITY_TIMEOUT_SECONDS},
        "task_publish_retry": False,  # see max_retries
        # -- a broker that goes away comes back: wait for it, at the start and for as long as it takes
        "broker_connection_retry": True,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_connection_timeout": 5,
        # What runs when the line drops is finished: it is idempotent, and a thread cannot be cancelled anyway.
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        # Reconnecting must not take threads away: by default the prefetch is cut by what was running.
        "worker_enable_prefetch_count_reduction": False,
        "worker_soft_shutdown_timeout": SOFT_SHUTDOWN_SECONDS,
        # -- idle means idle: no events, no gossip (see consumer.py), and no remote control, with which another app's
        #    broadcast on a shared server could stop our workers
        "worker_send_task_events": False,
        "worker_enable_remote_control": False,
        "worker_disable_rate_limits": True,
        # -- our own process, our own output
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "worker_pool": "threads",  # scans wait for HTTP and the database; threads share one client and its connections
    }
