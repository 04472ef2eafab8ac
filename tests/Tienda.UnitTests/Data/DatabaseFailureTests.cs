using Npgsql;
using Tienda.Data;

namespace Tienda.UnitTests.Data;

public sealed class DatabaseFailureTests
{
    public static TheoryData<Exception, bool> Failures { get; } = new()
    {
        { new NpgsqlException("Exception while reading from stream", new IOException()), true },
        { new NpgsqlException("Failed to connect"), true },
        { new PostgresException("terminating connection", "FATAL", "FATAL", PostgresErrorCodes.AdminShutdown), true },
        { new PostgresException("starting up", "FATAL", "FATAL", PostgresErrorCodes.CannotConnectNow), true },
        { new NpgsqlException("Exception while reading from stream", new TimeoutException()), false },
        { new NpgsqlException("The connection pool has been exhausted", new TimeoutException()), false },
        { new PostgresException("canceling statement", "ERROR", "ERROR", PostgresErrorCodes.QueryCanceled), false },
        { new PostgresException("disk full", "ERROR", "ERROR", PostgresErrorCodes.DiskFull), false },
    };

    /// <summary>A read that was waited for in vain would be waited for as long again.</summary>
    [Theory]
    [MemberData(nameof(Failures))]
    public void Only_a_broken_connection_is_worth_another_one(Exception failure, bool isLost) =>
        Assert.Equal(isLost, DatabaseFailure.Read(failure)!.IsConnectionLost);

    [Fact]
    public void What_is_said_of_data_goes_without_them() => Assert.Equal(
        "22P02 invalid input syntax for type bigint: '...'",
        DatabaseFailure.Read(new PostgresException("invalid input syntax for type bigint: \"ana\"", "ERROR", "ERROR", "22P02"))!.Message);
}
