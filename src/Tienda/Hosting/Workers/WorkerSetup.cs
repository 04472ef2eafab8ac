using Microsoft.AspNetCore.Connections;

namespace Tienda.Hosting.Workers;

/// <summary>What a process needs to be one of several, and to end without losing a request.</summary>
public static class WorkerSetup
{
    public static void AddWorkers(this IServiceCollection services, Settings settings)
    {
        services.AddSingleton<Draining>();
        services.AddHostedService(provider => provider.GetRequiredService<Draining>());
        services.AddSingleton<IConnectionListenerFactory, DrainableTransport>();
        if (settings.Place is not null)
        {
            services.AddSingleton<SupervisedWorker>();
            services.AddHostedService(provider => provider.GetRequiredService<SupervisedWorker>());
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
