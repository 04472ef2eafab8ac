using Npgsql;
using Tienda.Telemetry;

namespace Tienda.Data;

/// <summary>What an exception says about the database, so that nobody outside this folder has to know the driver.</summary>
/// <param name="State">SQLSTATE, if the server itself refused.</param>
/// <param name="Constraint">Name of the violated constraint, or null.</param>
/// <param name="Table">The table that the constraint belongs to, or null.</param>
/// <param name="IsPoolExhausted">True when every connection stayed busy for DB_POOL_TIMEOUT.</param>
/// <param name="IsTimeout">True when the server, or a free connection, was waited for in vain.</param>
/// <param name="Message">For the log; without values of the request.</param>
public sealed record DatabaseFailure(string? State, string? Constraint, string? Table, bool IsPoolExhausted, bool IsTimeout, string Message)
{
    // PostgreSQL's appendix of error codes; the driver has no name for it.
    private const string IdleInTransactionTimeout = "25P03";

    /// <summary>True when the same request may succeed a moment later.</summary>
    public bool IsOutage => State is null || (Constraint is null && IsOutageState(State));

    /// <summary>
    /// True when there was no connection, or it broke: another one may do. What was asked for may have been done. Not after a wait, which
    /// would only be as long again.
    /// </summary>
    public bool IsConnectionLost => !IsTimeout
        && (State is null || State is PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown
            or PostgresErrorCodes.CannotConnectNow || State.StartsWith("08", StringComparison.Ordinal));

    /// <summary>
    /// True when the statement failed for something in it, or for somebody it met, so that a part of it may succeed: data, constraints,
    /// deadlocks, locks, errors raised. Nothing of its transaction was done.
    /// </summary>
    public bool MayBePartial => State is [var first, var second, ..] && (first, second) is
        ('2', '2') or ('2', '3') or ('4', '0') or ('5', '5') or ('P', '0') or ('X', 'X');

    /// <summary>True when somebody else's transaction was in the way; nothing was done, and the same may succeed a moment later.</summary>
    public bool HasMetAnother => State is PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected
        or PostgresErrorCodes.LockNotAvailable;

    /// <summary>True when the server has ended the statement, as it does when one takes too long; nothing was done.</summary>
    public bool IsStatementEnded => State is PostgresErrorCodes.QueryCanceled;

    /// <summary>True when a stand-by was asked for what only the primary has, such as the log of changes.</summary>
    public bool IsStandBy => State is PostgresErrorCodes.FeatureNotSupported;

    /// <summary>True when arithmetic in the database left the range of its type.</summary>
    public bool IsOutOfRange => State is PostgresErrorCodes.NumericValueOutOfRange;

    /// <summary>Reads an exception, or answers null if it does not come from the database.</summary>
    public static DatabaseFailure? Read(Exception exception) => exception switch
    {
        PostgresException { ConstraintName: { } constraint } violation =>
            new DatabaseFailure(violation.SqlState, constraint, violation.TableName, false, false, violation.MessageText),
        PostgresException error => new DatabaseFailure(error.SqlState, null, null, false, false, $"{error.SqlState} {MessageOf(error)}"),
        NpgsqlException error =>
            new DatabaseFailure(null, null, null, IsExhausted(error), error.InnerException is TimeoutException, error.Message),
        _ => null,
    };

    // What PostgreSQL says of data (class 22) quotes them.
    private static string MessageOf(PostgresException error) =>
        error.SqlState.StartsWith("22", StringComparison.Ordinal) ? ExceptionText.WithoutValues(error.MessageText) : error.MessageText;

    private static bool IsExhausted(NpgsqlException error) =>
        error.InnerException is TimeoutException && error.Message.Contains("pool has been exhausted", StringComparison.Ordinal);

    private static bool IsOutageState(string state) =>
        state.StartsWith("08", StringComparison.Ordinal) // connection
        || state.StartsWith("53", StringComparison.Ordinal) // resources: disk, memory, connections
        || state.StartsWith("57", StringComparison.Ordinal) // shutting down, starting up, statement timeout
        || state.StartsWith("58", StringComparison.Ordinal) // input and output
        || state.StartsWith("28", StringComparison.Ordinal) // sign-in refused
        || state is PostgresErrorCodes.InvalidCatalogName or IdleInTransactionTimeout
        || state is PostgresErrorCodes.FeatureNotSupported // a stand-by; a plan of before a migration
        || state is PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.LockNotAvailable
            // A stand-by that was not promoted yet: it takes no writes, and has no unlogged tables.
            or PostgresErrorCodes.ReadOnlySqlTransaction or PostgresErrorCodes.FeatureNotSupported
            or PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.UndefinedColumn or PostgresErrorCodes.UndefinedFunction;
}
