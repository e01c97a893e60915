"""How many background tasks wait, asked of the broker when somebody looks."""

from collections.abc import Iterator

import redis
from django.conf import settings
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector


class WaitingTasks(Collector):
    """Tells nothing while Redis is away."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1)
        try:
            waiting = int(client.llen(settings.CELERY_TASK_DEFAULT_QUEUE))
        except redis.RedisError:
            return
        finally:
            client.close()
        yield GaugeMetricFamily("tailsvc_tasks_waiting", "Background tasks in the queue", value=waiting)
