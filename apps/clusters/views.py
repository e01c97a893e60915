"""Clusters over HTTP."""

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.abilities import Ability
from apps.accounts.api import TeamView
from apps.clusters import services
from apps.clusters.kubeconfigs import read_kubeconfig
from apps.clusters.serializers import ClusterInput, ClusterListOutput, ClusterOutput


class ClusterList(TeamView):
    ability = Ability.TEAM_MANAGE

    @extend_schema(operation_id="list_clusters", responses=ClusterListOutput)
    def get(self, request: Request) -> Response:  # noqa: ARG002 (DRF's signature)
        return Response({"data": ClusterOutput(services.clusters(), many=True).data})

    @extend_schema(operation_id="add_cluster", request=ClusterInput, responses={201: ClusterOutput})
    def post(self, request: Request) -> Response:
        given = ClusterInput(data=request.data)
        given.is_valid(raise_exception=True)
        wanted = given.validated_data
        added = services.add_cluster(
            team_id=self.caller.team_id,
            name=wanted["name"],
            kubeconfig=read_kubeconfig(wanted["kubeconfig"], context=wanted.get("context")),
            namespaces=wanted["namespaces"],
            actor=self.caller.email,
            now=timezone.now(),
        )
        return Response(ClusterOutput(added).data, status=201)


class OneCluster(TeamView):
    ability = Ability.TEAM_MANAGE

    @extend_schema(operation_id="remove_cluster", responses={204: None})
    def delete(self, request: Request, cluster: str) -> Response:  # noqa: ARG002 (DRF's signature)
        services.remove_cluster(cluster, team_id=self.caller.team_id, actor=self.caller.email, now=timezone.now())
        return Response(status=204)
