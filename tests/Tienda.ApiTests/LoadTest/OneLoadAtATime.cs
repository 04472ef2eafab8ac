namespace Tienda.ApiTests.LoadTest;

/// <summary>Tests that put a load on the machine: one of them at a time beside the others.</summary>
[CollectionDefinition(nameof(OneLoadAtATime))]
public sealed class OneLoadAtATime;
