using Microsoft.AspNetCore.Connections;
using Tienda.Telemetry.Reports;

namespace Tienda.Hosting.Workers;

/// <summary>What a process needs to be one of several, and to end without losing a request.</summary>
public static class WorkerSetup
{
    public static void AddWorkers(this IServiceCollection services, Settings settings)
    {
        services.AddSingleton<Draining>();
        services.AddHostedService(provider => provider.GetRequiredService<Draining>());
        services.AddSingleton<IConnectionListenerFactory, DrainableTransport>();
        if (settings.Place is { } place)
        {
            services.AddSingleton<SupervisedWorker>();
            services.AddHostedService(provider => provider.GetRequiredService<SupervisedWorker>());
            if (place.Files is not null)
            {
                services.AddHostedService<WorkerReporter>();
            }
        }
    }

    public static void UseWorkers(this WebApplication app)
    {
        app.Use(app.Services.GetRequiredService<Draining>().InvokeAsync);
        if (app.Services.GetService<SupervisedWorker>() is { CountsRequests: true } worker)
        {
            app.Use(worker.InvokeAsync);
        }
    }
}
