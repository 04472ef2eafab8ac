using System.Reflection;

namespace Tienda.Hosting;

/// <summary>What this build calls itself.</summary>
public static class BuildInfo
{
    /// <summary>The version of the project file, without the commit that the SDK appends.</summary>
    public static string Version { get; } =
        typeof(BuildInfo).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];
}
