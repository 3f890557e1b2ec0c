"""The scenario of a lending library: what is declared, thirteen questions, and who asks them."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "served"))
from server import ServedTest  # noqa: E402

RM, L, I = "resourcemanager.miloapis.com", "library.example.org", "iam.miloapis.com"
REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
IAM_PATH = "/apis/iam.miloapis.com/v1alpha1"
RM_PATH = "/apis/resourcemanager.miloapis.com/v1alpha1"

WORLD = """
apiVersion: v1
kind: Namespace
metadata: {name: pemba-system}
---
apiVersion: iam.miloapis.com/v1alpha1
kind: ProtectedResource
metadata: {name: organizations}
spec:
  {serviceRef: {name: resourcemanager.miloapis.com}, kind: Organization, singular: organization, plural: organizations,
   permissions: [get, list, update, delete]}
---
apiVersion: iam.miloapis.com/v1alpha1
kind: ProtectedResource
metadata: {name: projects}
spec:
  {serviceRef: {name: resourcemanager.miloapis.com}, kind: Project, singular: project, plural: projects,
   permissions: [get, list, create, update, delete],
   parentResources: [{apiGroup: resourcemanager.miloapis.com, kind: Organization}]}
---
apiVersion: iam.miloapis.com/v1alpha1
kind: ProtectedResource
metadata: {name: shelves}
spec:
  {serviceRef: {name: library.example.org}, kind: Shelf, singular: shelf, plural: shelves,
   permissions: [get, list, create, update, delete],
   parentResources: [{apiGroup: resourcemanager.miloapis.com, kind: Project}]}
---
apiVersion: iam.miloapis.com/v1alpha1
kind: ProtectedResource
metadata: {name: books}
spec:
  {serviceRef: {name: library.example.org}, kind: Book, singular: book, plural: books,
   permissions: [get, list, create, update, delete, lend],
   parentResources: [{apiGroup: library.example.org, kind: Shelf}]}
---
apiVersion: iam.miloapis.com/v1alpha1
kind: Role
metadata: {name: library-reader, namespace: pemba-system}
spec:
  launchStage: Beta
  includedPermissions: [library.example.org/books.get, library.example.org/books.list,
    library.example.org/shelves.get, library.example.org/shelves.list]
---
apiVersion: iam.miloapis.com/v1alpha1
kind: Role
metadata: {name: librarian, namespace: pemba-system}
spec:
  launchStage: Beta
  includedPermissions: [library.example.org/books.lend]
  inheritedRoles: [{name: library-reader}]
---
apiVersion: iam.miloapis.com/v1alpha1
kind: User
metadata: {name: mira}
spec: {email: mira@example.org}
---
apiVersion: iam.miloapis.com/v1alpha1
kind: User
metadata: {name: tomas}
spec: {email: tomas@example.org}
---
apiVersion: iam.miloapis.com/v1alpha1
kind: User
metadata: {name: ops}
spec: {email: ops@example.org}
---
apiVersion: resourcemanager.miloapis.com/v1alpha1
kind: Organization
metadata: {name: northwind}
spec: {type: Standard}
---
apiVersion: resourcemanager.miloapis.com/v1alpha1
kind: Project
metadata: {name: archive}
spec: {ownerRef: {kind: Organization, name: northwind}}
---
apiVersion: iam.miloapis.com/v1alpha1
kind: Group
metadata: {name: cataloguers, namespace: organization-northwind}
---
apiVersion: iam.miloapis.com/v1alpha1
kind: GroupMembership
metadata: {name: tomas, namespace: organization-northwind}
spec: {userRef: {name: tomas}, groupRef: {name: cataloguers, namespace: organization-northwind}}
"""


def binding(name, role, subject, target, namespace="organization-northwind"):
    return f"""
---
apiVersion: iam.miloapis.com/v1alpha1
kind: PolicyBinding
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  roleRef: {{name: {role}, namespace: pemba-system}}
  subjects: [{subject}]
  resourceSelector: {target}
"""


MIRA = "{kind: User, name: mira}"
NORTHWIND = "{resourceRef: {apiGroup: resourcemanager.miloapis.com, kind: Organization, name: northwind}}"
B1 = binding("b1", "librarian", MIRA, NORTHWIND)
B2 = binding("b2", "library-reader", "{kind: Group, name: cataloguers, namespace: organization-northwind}",
             "{resourceRef: {apiGroup: resourcemanager.miloapis.com, kind: Project, name: archive}}")
B3 = binding("b3", "library-reader", "{kind: User, name: ops}",
             "{resourceKind: {apiGroup: library.example.org, kind: Shelf}}", "pemba-system")
B4 = binding("b4", "library-reader", MIRA, NORTHWIND)

ARCHIVE, SHELF, ORGANIZATION = (RM, "Project", "archive"), (L, "Shelf", "s-999"), (RM, "Organization", "northwind")
# Number, caller, verb, group, resource, name, context, namespace, what status says.
CHECKS = [
    (1, "mira", "get", L, "shelves", "s-100", ARCHIVE, "", "allowed"),
    (2, "mira", "delete", L, "shelves", "s-100", ARCHIVE, "", "denied"),
    (3, "mira", "lend", L, "books", "b-7", ARCHIVE, "", "allowed"),
    (4, "tomas", "list", L, "books", "", ARCHIVE, "", "allowed"),
    (5, "tomas", "lend", L, "books", "b-7", ARCHIVE, "", "denied"),
    (6, "mira", "get", L, "books", "b-7", None, "", "denied"),
    (7, "mira", "shred", L, "books", "b-7", ARCHIVE, "", "error"),
    (8, "", "get", L, "books", "b-7", ARCHIVE, "", "error"),
    (9, "ops", "get", L, "shelves", "s-999", None, "", "allowed"),
    (10, "ops", "get", L, "books", "b-7", None, "", "denied"),
    (11, "ops", "list", L, "shelves", "", None, "", "allowed"),
    (12, "ops", "get", L, "books", "b-7", SHELF, "", "allowed"),
    (13, "mira", "list", I, "groups", "", ORGANIZATION, "organization-other", "error"),
]


class ScenarioTest(ServedTest):
    def review(self, check):
        _, user, verb, group, resource, name, context, namespace, _ = check
        extra = {}
        if context:
            keys = ("parent-api-group", "parent-type", "parent-name")
            extra = {f"{I}/{key}": [value] for key, value in zip(keys, context)}
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
                "spec": {"user": user + "@example.org", "uid": user, "groups": ["system:authenticated"], "extra": extra,
                         "resourceAttributes": {"group": group, "version": "v1", "resource": resource, "verb": verb,
                                                "name": name, "namespace": namespace}}}
        status, _, answer = self.ask("POST", REVIEWS, body)
        self.assertEqual(status, 200, answer)
        return answer["status"]

    def outcome(self, number):
        status = self.review(CHECKS[number - 1])
        if status["allowed"]:
            return "allowed"
        return "denied" if status.get("denied") else "error"
