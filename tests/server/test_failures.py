"""What is made of the errors that databases give: whether waiting helps, and what people are told."""

import psycopg
import pytest
from consigne.server.failures import Failure, failure_of, try_again
from consigne.server.storage.database import NO_ANSWER, Database
from databases import Databases
from psycopg import errors
from sqlalchemy.exc import OperationalError

AT = 'connection failed: connection to server at "10.0.0.5", port 5432 failed: '


@pytest.mark.parametrize(
    ("text", "meant", "can_pass"),
    [
        (AT + "Connection refused\n\tIs the server running on that host?", Failure.SILENT, True),
        ("failed to resolve host 'db.example': [Errno -2] Name or service not known", Failure.SILENT, True),
        (AT + "FATAL:  the database system is starting up", Failure.STARTING, True),
        (AT + "FATAL:  the database system is in recovery mode", Failure.STARTING, True),
        (AT + "FATAL:  sorry, too many clients already", Failure.CROWDED, True),
        (AT + 'FATAL:  password authentication failed for user "u"', Failure.REFUSED, False),
        (AT + 'FATAL:  Peer authentication failed for user "u"', Failure.REFUSED, False),
        (AT + 'FATAL:  no pg_hba.conf entry for host "10.0.0.6", user "u"', Failure.REFUSED, False),
        (AT + 'FATAL:  permission denied for database "x"', Failure.REFUSED, False),
        ("connection is bad: " + AT + "fe_sendauth: no password supplied", Failure.REFUSED, False),
    ],
)
def test_a_connection_that_is_refused_is_waited_for_only_where_that_helps(text, meant, can_pass):
    error = OperationalError("", None, psycopg.OperationalError(text))
    assert failure_of(error) is meant and meant.can_pass is can_pass
    assert "10.0.0.5" not in try_again(error) + meant.sentence


@pytest.mark.parametrize(
    ("original", "meant"),
    [
        (errors.DiskFull("could not extend file"), Failure.FULL),
        (errors.ReadOnlySqlTransaction("cannot execute INSERT"), Failure.READ_ONLY),
        (errors.AdminShutdown("terminating connection"), Failure.SILENT),
        (errors.DeadlockDetected("deadlock"), Failure.MET),
        (errors.InsufficientPrivilege("permission denied"), Failure.REFUSED),
        (errors.UndefinedTable("no such table"), Failure.STRANGE),
        (errors.DataCorrupted("invalid page"), Failure.DAMAGED),
        (OSError(28, "No space left on device"), Failure.FULL),
        (OSError(30, "Read-only file system"), Failure.READ_ONLY),
        (OSError(5, "Input/output error"), Failure.DISK),
    ],
    ids=lambda one: type(one).__name__ if isinstance(one, Exception) else one.name,
)
def test_an_error_of_postgresql_or_of_a_file_is_told_by_what_it_means(original, meant):
    assert failure_of(original) is meant


def test_rights_that_were_taken_away_at_run_time_are_no_fault_of_the_host(postgres):
    """PostgreSQL's driver calls it an error of programming, which would be the caller's 500."""
    with Databases("postgresql", postgres).url() as url:
        database = Database(url)
        with pytest.raises(NO_ANSWER) as raised, database.write() as connection:
            connection.exec_driver_sql("CREATE ROLE nobody_at_all")
            connection.exec_driver_sql("SET LOCAL ROLE nobody_at_all")
            connection.exec_driver_sql("SELECT id FROM lockers")
        database.close()
    assert failure_of(raised.value) is Failure.REFUSED
    told = try_again(raised.value)
    assert told == "the database refuses the host: who runs the host must mend that, nothing was changed"
