"""Words that values are made of, as people in Mexico would write them."""

from __future__ import annotations

GIVEN = (
    "Ana", "Luis", "Sofía", "Carlos", "Valeria", "Jorge", "Fernanda", "Miguel", "Lucía", "Diego",
    "Daniela", "Andrés", "Mariana", "Ricardo", "Gabriela", "Héctor", "Paola", "Raúl", "Ximena",
    "Óscar", "Renata", "Emilio", "Natalia", "Iván", "Regina", "Tomás", "Alejandra", "Bruno",
    "Camila", "Joaquín", "Elena", "Rodrigo",
)  # fmt: skip
FAMILY = (
    "Hernández", "García", "Martínez", "López", "González", "Pérez", "Rodríguez", "Sánchez",
    "Ramírez", "Cruz", "Flores", "Gómez", "Morales", "Vázquez", "Reyes", "Jiménez", "Torres",
    "Díaz", "Gutiérrez", "Ruiz", "Mendoza", "Aguilar", "Ortiz", "Moreno", "Castillo", "Romero",
    "Álvarez", "Rivera", "Chávez", "Ramos", "Domínguez", "Herrera",
)  # fmt: skip
CITIES = (
    ("Ciudad de México", "Ciudad de México", "06000"), ("Guadalajara", "Jalisco", "44100"),
    ("Monterrey", "Nuevo León", "64000"), ("Puebla", "Puebla", "72000"),
    ("Querétaro", "Querétaro", "76000"), ("Mérida", "Yucatán", "97000"),
    ("Toluca", "Estado de México", "50000"), ("León", "Guanajuato", "37000"),
    ("Tijuana", "Baja California", "22000"), ("Oaxaca", "Oaxaca", "68000"),
    ("Xalapa", "Veracruz", "91000"), ("Morelia", "Michoacán", "58000"),
    ("Saltillo", "Coahuila", "25000"), ("Durango", "Durango", "34000"),
    ("Culiacán", "Sinaloa", "80000"), ("Hermosillo", "Sonora", "83000"),
)  # fmt: skip
STREETS = (
    "Av. Juárez", "Calle Hidalgo", "Av. Reforma", "Calle Morelos", "Blvd. Insurgentes",
    "Calle Allende", "Av. Universidad", "Calle 5 de Mayo", "Av. Revolución", "Calle Aldama",
    "Calle Independencia", "Av. Constituyentes", "Calle Guerrero", "Av. Patria",
)  # fmt: skip
DISTRICTS = (
    "Centro", "Del Valle", "Roma Norte", "Las Américas", "San Miguel", "La Paz", "El Mirador",
    "Jardines", "Santa Fe", "Lomas", "San Ángel", "Bellavista",
)  # fmt: skip
COMPANIES = (
    "Aurora", "Del Norte", "El Faro", "La Ceiba", "Quetzal", "Los Pinos", "San Marcos", "Cumbres",
    "Tres Ríos", "La Esperanza", "El Roble", "Mar Azul", "Cielito", "Anáhuac", "Sierra Madre",
    "Valle Verde",
)  # fmt: skip
TRADES = (
    "Comercial", "Grupo", "Servicios", "Distribuidora", "Constructora", "Farmacia", "Librería",
    "Panadería", "Transportes", "Consultores", "Ferretería", "Estudio",
)  # fmt: skip
NOUNS = (
    "promoción", "pedido", "catálogo", "entrega", "reporte", "boletín", "encuesta", "invitación",
    "proyecto", "cotización", "factura", "reserva", "anuncio", "producto", "servicio", "curso",
    "evento", "contrato", "folleto", "almacén", "itinerario", "plano", "inventario", "presupuesto",
)  # fmt: skip
QUALITIES = (
    "de verano", "semanal", "especial", "nuevo", "de bienvenida", "mensual", "principal", "anual",
    "urgente", "de prueba", "preferente", "general", "central", "de temporada", "digital", "local",
)  # fmt: skip
SENTENCES = (
    "Gracias por escribirnos, en un momento le atendemos.",
    "El pedido está en camino y llega mañana por la tarde.",
    "Quedamos a sus órdenes para cualquier duda.",
    "Se revisó con el equipo y quedó pendiente la firma.",
    "¿Podría confirmar la dirección de entrega?",
    "La cita quedó agendada para el próximo lunes.",
    "Favor de enviar el comprobante de pago.",
    "Se actualizó el precio según el nuevo catálogo.",
    "El cliente prefiere que le llamen después de las seis.",
    "Recibimos la solicitud y la atenderá un asesor.",
    "Todo en orden, sin observaciones.",
    "Falta completar los datos de facturación.",
)
PLAIN = (
    "alba", "brisa", "cobre", "duna", "encina", "fresno", "garza", "hoja", "isla", "jade", "lago",
    "maple", "nube", "olmo", "perla", "quinta", "roca", "selva", "trigo", "vega", "yuca", "zafiro",
    "ambar", "barro", "cedro", "delta", "espiga", "faro", "gruta", "hiedra",
)  # fmt: skip
COUNTRIES = (
    ("México", "MX"), ("Colombia", "CO"), ("Chile", "CL"), ("Perú", "PE"), ("España", "ES"),
    ("Argentina", "AR"), ("Uruguay", "UY"), ("Ecuador", "EC"), ("Guatemala", "GT"),
    ("Costa Rica", "CR"), ("Panamá", "PA"), ("Bolivia", "BO"),
)  # fmt: skip
LANGUAGES = ("es", "en", "pt", "fr")
CURRENCIES = ("MXN", "USD", "EUR", "COP")
COLOURS = ("rojo", "verde", "azul", "amarillo", "negro", "blanco", "gris", "naranja")
ZONES = ("America/Mexico_City", "America/Tijuana", "America/Monterrey", "America/Cancun")
MEDIA = ("image/jpeg", "image/png", "application/pdf", "text/plain", "video/mp4")

_ASCII = str.maketrans("áéíóúñüÁÉÍÓÚÑÜ", "aeiounuAEIOUNU")


def ascii_(text: str) -> str:
    """Without accents.

    >>> ascii_("Óscar Núñez")
    'Oscar Nunez'
    """
    return text.translate(_ASCII)


def slug(text: str) -> str:
    """As in a web address: small letters, digits and hyphens.

    >>> slug("Promoción de verano")
    'promocion-de-verano'
    """
    plain = "".join(c if c.isalnum() else " " for c in ascii_(text).lower())
    return "-".join(plain.encode("ascii", "ignore").decode().split())
