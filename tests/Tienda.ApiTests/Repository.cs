namespace Tienda.ApiTests;

/// <summary>Files of the repository that the tests look at.</summary>
public static class Repository
{
    /// <summary>The folder with Tienda.slnx, above the built tests.</summary>
    public static string Root { get; } = Above(AppContext.BaseDirectory);

    public static string PathOf(string file) => Path.Combine(Root, file);

    private static string Above(string folder) =>
        File.Exists(Path.Combine(folder, "Tienda.slnx")) ? folder : Above(Path.GetDirectoryName(folder.TrimEnd('/'))!);
}
