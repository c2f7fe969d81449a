"""A tenant's routing policy as a condition on the offers of a list (providers/sql/routing_policy.sql)."""

# Needs an offer `o`, %(tenant)s and %(now)s. The policy is read once for the whole list; without one that is
# all.
ALLOWED = """(
    (SELECT policy_rules(%(tenant)s::bigint, %(now)s::timestamptz)) IS NULL
    OR policy_allows((SELECT policy_rules(%(tenant)s::bigint, %(now)s::timestamptz)),
                     o.provider_id, o.service_id, o.country_id, o.operator))"""
# Rentals know of a policy only its daily caps. Needs a provider `p`, and the same two parameters.
NOT_SPENT = """NOT EXISTS (
    SELECT 1 FROM providers_routingrule cap
    WHERE cap.tenant_id = %(tenant)s::bigint AND cap.provider_id = p.id
      AND cap.spent_until > %(now)s::timestamptz)"""
