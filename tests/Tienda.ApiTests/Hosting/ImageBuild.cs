using System.Text.Json;
using System.Text.RegularExpressions;
using Tienda.ApiTests.Data;

namespace Tienda.ApiTests.Hosting;

/// <summary>One instruction of a Dockerfile.</summary>
/// <param name="Words">Its arguments without the flags.</param>
/// <param name="Text">The same as they stand there.</param>
public sealed record Instruction(string Keyword, Dictionary<string, string> Flags, string[] Words, string Text)
{
    /// <summary>The command in the form that runs without a shell.</summary>
    public string[] Command => JsonSerializer.Deserialize<string[]>(Text[Text.IndexOf('[', StringComparison.Ordinal)..])!;
}

/// <summary>
/// What the Dockerfile makes, made without a container engine: each COPY takes what .dockerignore lets through, each RUN is run, in a
/// folder that stands for the image's root. Only the base images are not Docker's but this machine.
/// </summary>
public sealed partial class ImageBuild : IAsyncLifetime
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    // Debian's docker-compose carries Docker's own reading of .dockerignore.
    private const string ContextFiles =
        """
        /usr/bin/python3 -c '
        import os, sys
        from docker.utils.build import exclude_paths
        patterns = [line.strip() for line in open(".dockerignore") if line.strip() and not line.startswith("#")]
        print("\n".join(path for path in exclude_paths(".", patterns) if os.path.isfile(path)))'
        """;

    private readonly ShopFolder _folder = new();
    private IReadOnlyList<string> _context = [];

    /// <summary>The instructions of all stages in order.</summary>
    public IReadOnlyList<Instruction> Instructions { get; private set; } = [];

    /// <summary>Those of the stage that becomes the image.</summary>
    public IEnumerable<Instruction> Last => Instructions.Skip(Instructions.ToList().FindLastIndex(i => i.Keyword == "FROM"));

    /// <summary>The folder that stands for the root of a stage: build, or the last one.</summary>
    public string RootOf(string stage = "image") => Path.Combine(_folder.Path, stage);

    public async ValueTask InitializeAsync()
    {
        Instructions = JsonSerializer.Deserialize<Instruction[]>(
            await Shell.RunAsync(Repository.Root, "node artifacts/tools/dockerfile.js Dockerfile"), Json)!;
        _context = (await Shell.RunAsync(Repository.Root, ContextFiles)).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        var (root, workdir) = ("", "/");
        foreach (var instruction in Instructions)
        {
            switch (instruction.Keyword)
            {
                case "FROM":
                    root = RootOf(instruction.Words is [_, "AS", var name] ? name : "image");
                    workdir = "/";
                    Directory.CreateDirectory(root);
                    break;
                case "WORKDIR":
                    workdir = instruction.Words[0];
                    Directory.CreateDirectory(root + workdir);
                    break;
                case "COPY" when instruction.Flags.TryGetValue("from", out var stage):
                    await CopyAsync(instruction, RootOf(stage) + instruction.Words[0], root + instruction.Words[1]);
                    break;
                case "COPY":
                    CopyContext(instruction.Words, Path.Combine(root + workdir, instruction.Words[^1]));
                    break;
                case "RUN":
                    await Shell.RunAsync(root + workdir, AbsolutePath().Replace(instruction.Text, root + "/"));
                    break;
            }
        }
    }

    public async ValueTask DisposeAsync() => await _folder.DisposeAsync();

    private static async Task CopyAsync(Instruction copy, string from, string to)
    {
        Directory.CreateDirectory(to);
        // In the place of the image's user, who has no account here, one that is not root either and can reach the tests' database.
        var owner = copy.Flags.ContainsKey("chown") && Environment.UserName == "root" ? " && chown -R postgres '" + to + "'" : "";
        await Shell.RunAsync("/", $"cp -r '{from}/.' '{to}'{owner}");
    }

    private void CopyContext(string[] words, string to)
    {
        foreach (var source in words[..^1])
        {
            var isFile = _context.Contains(source);
            var files = isFile ? [source] : _context.Where(file => file.StartsWith(source + "/", StringComparison.Ordinal)).ToArray();
            Assert.True(files.Length > 0, $".dockerignore leaves nothing of {source}.");
            foreach (var file in files)
            {
                var target = Path.Combine(to, isFile ? Path.GetFileName(file) : file[(source.Length + 1)..]);
                Directory.CreateDirectory(Path.GetDirectoryName(target)!);
                File.Copy(Repository.PathOf(file), target, overwrite: true);
            }
        }
    }

    [GeneratedRegex(@"(?<=\s)/(?=\w)")]
    private static partial Regex AbsolutePath();
}
