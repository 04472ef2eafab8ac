namespace Tienda.Http;

/// <summary>The program has as much work of a kind as it takes at once; the same request may succeed a moment later. Answered 503.</summary>
public sealed class BusyException(string message) : Exception(message);
