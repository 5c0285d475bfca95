using System.ComponentModel.DataAnnotations;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Api.Models;

/// <summary>Section <c>Index</c>: which code searches.</summary>
public sealed class IndexEngineOptions
{
    public const string Section = "Index";

    /// <summary><c>managed</c>, or <c>faiss</c> where FAISS's C library is installed.</summary>
    [AllowedValues(IndexEngines.Managed, IndexEngines.Faiss)]
    public string Engine { get; set; } = IndexEngines.Managed;
}
