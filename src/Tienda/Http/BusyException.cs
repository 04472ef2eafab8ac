namespace Tienda.Http;

/// <summary>As much work of a kind as the program takes at once is there; the same request may succeed a moment later: 503.</summary>
public sealed class BusyException(string message) : Exception(message);
