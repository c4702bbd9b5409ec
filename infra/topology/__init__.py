"""Who and what an organisation is made of, as data: accounts, regions, people, use cases, networks, budgets."""

from infra.topology.delivery import Delivery, GitHub, Target
from infra.topology.file import DELIVERY, ORGANISATION, SPREAD, TopologyError, find_topology_file, read_topology
from infra.topology.model import Account, Topology
from infra.topology.parts import Parts
from infra.topology.personas import PERSONAS, Persona

__all__ = [
    "DELIVERY",
    "ORGANISATION",
    "PERSONAS",
    "SPREAD",
    "Account",
    "Delivery",
    "GitHub",
    "Parts",
    "Persona",
    "Target",
    "Topology",
    "TopologyError",
    "find_topology_file",
    "read_topology",
]
