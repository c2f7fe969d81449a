"""A tenant's routing policy as a condition on the offers of a list (providers/sql/routing_policy.sql)."""

# Needs an offer `o`, %(tenant)s and %(now)s. The policy is read once for the whole list; without one that is
# all.
ALLOWED = """(
    (SELECT policy_rules(%(tenant)s::bigint, %(now)s::timestamptz)) IS NULL
    OR policy_allows((SELECT policy_rules(%(tenant)s::bigint, %(now)s::timestamptz)),
                     o.provider_id, o.service_id, o.country_id, o.operator))"""
