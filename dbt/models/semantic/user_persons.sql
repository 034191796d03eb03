-- Published as a table, since what it reads is not published: the other views here read it then.
select
    user_id,
    person_id,
from {{ ref_beside('int_users_tied') }}
