-- What holds after 0012. Each row returned is something that does not.

-- Every reference between tenants' rows holds the tenant.
SELECT
    c.conrelid::REGCLASS AS relation,
    c.conname AS constraint_name,
    'refers without the tenant' AS violation
FROM pg_constraint AS c
WHERE
    c.contype = 'f'
    AND c.connamespace = 'messaging'::REGNAMESPACE
    AND c.confrelid <> 'core_tenants.tenants'::REGCLASS
    AND NOT EXISTS (
        SELECT FROM pg_attribute AS a
        WHERE a.attrelid = c.conrelid AND a.attnum = ANY(c.conkey) AND a.attname = 'tenant_id'
    );
