using Microsoft.AspNetCore.Http.HttpResults;
using Tienda.Security;

namespace Tienda.Http;

/// <summary>How requests are read and errors are written, the same for every route.</summary>
public static class ShopHttp
{
    public static IServiceCollection AddShopHttp(this IServiceCollection services)
    {
        services.ConfigureHttpJsonOptions(options => TiendaJson.Configure(options.SerializerOptions));
        // Without this an endpoint would run with default values although a query value could not be read (dotnet/aspnetcore#64341).
        services.Configure<RouteHandlerOptions>(options => options.ThrowOnBadRequest = true);
        services.Configure<RouteOptions>(options => options.SetParameterPolicy<IdConstraint>(IdConstraint.Name));
        services.AddSingleton<IProblemDetailsWriter, FrameworkProblems>();
        services.AddProblemDetails();
        services.AddSingleton<ExportTurns>();
        return services;
    }

    /// <summary>What the type URIs of problems lead to.</summary>
    public static void MapProblemTypes(this IEndpointRouteBuilder routes)
    {
        var errors = routes.MapGroup("/errors").WithTags("Errors");
        errors.MapGet("/", List).WithName("ListProblemTypes").ForAnyone();
        errors.MapGet("/{name}", Explain).WithName("GetProblemType").ForAnyone();
    }

    /// <summary>List the types of problems</summary>
    public static Ok<List<ProblemType>> List() => TypedResults.Ok(ProblemType.All.ToList());

    /// <summary>Explain a type of problem</summary>
    /// <param name="name">The last part of the problem's <c>type</c>.</param>
    public static Results<Ok<ProblemType>, Problem> Explain(string name) =>
        ProblemType.All.FirstOrDefault(t => t.Name == name) is { } type
            ? TypedResults.Ok(type)
            : new Problem(ProblemType.NotFound, $"There is no type of problem called {name}.");
}
