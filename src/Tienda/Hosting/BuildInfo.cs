using System.Reflection;

namespace Tienda.Hosting;

/// <summary>What this build calls itself.</summary>
public static class BuildInfo
{
    private static readonly string[] Parts =
        typeof(BuildInfo).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+');

    /// <summary>The version of the project file, without the commit that the SDK appends.</summary>
    public static string Version => Parts[0];

    /// <summary>The commit that it was built from, or an empty text if the SDK did not know.</summary>
    public static string Revision => Parts.Length > 1 ? Parts[1] : "";
}
