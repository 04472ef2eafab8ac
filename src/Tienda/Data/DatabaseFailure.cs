using Npgsql;

namespace Tienda.Data;

/// <summary>What an exception says about the database, so that nobody outside this folder has to know the driver.</summary>
/// <param name="Constraint">Name of the violated constraint, or null.</param>
/// <param name="Table">The table that the constraint belongs to, or null.</param>
/// <param name="IsOutage">True when the same request may succeed a moment later.</param>
/// <param name="WasRolledBack">True when the server itself refused: nothing of the transaction was done.</param>
/// <param name="IsPoolExhausted">True when every connection stayed busy for DB_POOL_TIMEOUT.</param>
/// <param name="IsOutOfRange">True when arithmetic in the database left the range of its type.</param>
/// <param name="Message">For the log; without values of the request.</param>
public sealed record DatabaseFailure(
    string? Constraint, string? Table, bool IsOutage, bool WasRolledBack, bool IsPoolExhausted, bool IsOutOfRange, string Message)
{
    /// <summary>Reads an exception, or answers null if it does not come from the database.</summary>
    public static DatabaseFailure? Read(Exception exception) => exception switch
    {
        PostgresException { ConstraintName: { } constraint } violation =>
            new DatabaseFailure(constraint, violation.TableName, false, true, false, false, violation.MessageText),
        PostgresException error => new DatabaseFailure(
            null,
            null,
            IsOutageState(error.SqlState),
            !IsLostConnection(error.SqlState),
            false,
            error.SqlState == PostgresErrorCodes.NumericValueOutOfRange,
            $"{error.SqlState} {error.MessageText}"),
        NpgsqlException error => new DatabaseFailure(null, null, true, false, IsExhausted(error), false, error.Message),
        _ => null,
    };

    private static bool IsExhausted(NpgsqlException error) =>
        error.InnerException is TimeoutException && error.Message.Contains("pool has been exhausted", StringComparison.Ordinal);

    // PostgreSQL's appendix of error codes; the driver has no name for it.
    private const string IdleInTransactionTimeout = "25P03";

    // A server that shuts down may have committed before it says so.
    private static bool IsLostConnection(string state) =>
        state.StartsWith("08", StringComparison.Ordinal) || state.StartsWith("57P", StringComparison.Ordinal);

    private static bool IsOutageState(string state) =>
        state.StartsWith("08", StringComparison.Ordinal) // connection
        || state.StartsWith("53", StringComparison.Ordinal) // resources: disk, memory, connections
        || state.StartsWith("57", StringComparison.Ordinal) // shutting down, starting up, statement timeout
        || state.StartsWith("58", StringComparison.Ordinal) // input and output
        || state.StartsWith("28", StringComparison.Ordinal) // sign-in refused
        || state is PostgresErrorCodes.InvalidCatalogName or IdleInTransactionTimeout
        || state is PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.LockNotAvailable
            or PostgresErrorCodes.ReadOnlySqlTransaction or PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.UndefinedColumn
            or PostgresErrorCodes.UndefinedFunction;
}
