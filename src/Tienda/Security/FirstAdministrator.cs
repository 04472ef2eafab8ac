using Tienda.Data;
using Tienda.Hosting;
using Tienda.Http;

namespace Tienda.Security;

/// <summary>
/// Makes the administrator of ADMIN_EMAIL and ADMIN_PASSWORD as soon as the database is there, if the shop has none. Later starts
/// change nothing: the person may have chosen another password since.
/// </summary>
public sealed partial class FirstAdministrator(
    Settings settings, AdministratorStore administrators, Passwords passwords, TimeProvider time, ILogger<FirstAdministrator> logger)
    : BackgroundService
{
    private static readonly TimeSpan BetweenTries = TimeSpan.FromSeconds(2);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (settings is not { AdminEmail: { } email, AdminPassword: { } password })
        {
            return;
        }

        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                if (!await administrators.AnyAsync(stoppingToken))
                {
                    await administrators.CreateFirstAsync(email, await passwords.HashAsync(password, stoppingToken), stoppingToken);
                    Log.Created(logger);
                }

                return;
            }
            catch (Exception away) when (away is BusyException || DatabaseFailure.Read(away) is not null)
            {
                await Task.Delay(BetweenTries, time, stoppingToken);
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Information, "The administrator of ADMIN_EMAIL was created.")]
        public static partial void Created(ILogger logger);
    }
}
