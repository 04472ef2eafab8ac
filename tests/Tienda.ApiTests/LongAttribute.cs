using Xunit.v3;

namespace Tienda.ApiTests;

/// <summary>Takes too long for every run: continuous integration runs it, <c>TEST_LONG=1 ./test.sh</c>, and whoever names it.</summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method)]
public sealed class LongAttribute : Attribute, ITraitAttribute
{
    public const string Name = "Length";
    public const string Value = "Long";

    public IReadOnlyCollection<KeyValuePair<string, string>> GetTraits() => [new(Name, Value)];
}
